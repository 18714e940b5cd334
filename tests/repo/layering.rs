//! Rooms import only what the table allows, and no files of a room import each other in a circle.
//!
//! A room is a folder of `src/` with one job; `docs/architecture.md` says which. The test reads
//! every path in the code (`use` and inline, by `crate`, `super`, `self` and child modules), and
//! follows re-exports to the file that defines the name.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use testkit::root;

use crate::sources::{Source, sources};

/// Each room and the rooms it may import.
#[rustfmt::skip]
const ROOMS: &[(&str, &[&str])] = &[
    ("base",             &[]),
    ("model",            &[]),
    ("s3",               &["base", "model"]),
    ("source",           &["base", "model", "s3"]),
    ("format",           &[]),
    ("format/decode",    &["model"]),
    ("format/archive",   &["format/decode"]),
    ("format/json",      &[]),
    ("format/rebuild",   &[]),
    ("format/container", &["model", "format/decode", "format/json", "format/rebuild"]),
    ("format/tabular",   &["base", "format/rebuild"]),
    ("parse",            &["model"]),
    ("knowledge",        &["model"]),
    ("classify",         &["model", "knowledge"]),
    ("policy",           &["model"]),
    ("integrity",        &["model"]),
    ("aggregate",        &["base", "model", "policy"]),
    ("facts",            &["model", "aggregate"]),
    ("checkpoint",       &["base", "model", "s3", "facts"]),
    ("audit",            &["base", "model", "knowledge", "policy", "integrity", "aggregate"]),
    ("report",           &["base", "model", "s3", "format/decode", "format/tabular", "knowledge", "policy", "integrity",
                           "aggregate", "audit"]),
    ("page",             &["base", "model", "audit", "format/decode", "report"]),
    ("engine",           &["base", "model", "s3", "source", "checkpoint", "format/decode", "format/archive",
                           "format/container", "format/rebuild", "format/tabular", "parse", "facts",
                           "knowledge", "classify", "policy", "integrity", "aggregate", "report"]),
];

/// Crates that only some rooms may use. Arrow and Parquet are a form of reports and of input.
#[rustfmt::skip]
const CRATES: &[(&str, &[&str])] = &[
    ("flate2",               &["format/decode"]),
    ("libdeflater",          &["format/decode"]),
    ("sha2",                 &["format/decode", "checkpoint"]),
    ("aws_lc_rs",            &["integrity"]),
    ("md5",                  &["integrity"]),
    ("tar",                  &["format/archive"]),
    ("rawzip",               &["format/archive", "report"]),
    ("arrow_array",          &["report", "facts", "checkpoint", "format/tabular"]),
    ("arrow_schema",         &["report", "facts", "checkpoint", "format/tabular"]),
    ("arrow_buffer",         &["facts", "checkpoint"]),
    ("arrow_ipc",            &["report", "facts", "checkpoint"]),
    ("parquet",              &["report", "format/tabular"]),
    ("rust_xlsxwriter",      &["report"]),
    ("walkdir",              &["source"]),
    ("toml",                 &["classify", "audit"]),
    ("askama",               &["page"]),
    ("rayon",                &["engine"]),
    ("object_store",         &["s3"]),
    ("reqwest",              &["s3"]),
    ("aws_config",           &["s3"]),
    ("aws_credential_types", &["s3"]),
    ("tokio",                &["s3"]),
    ("futures_util",         &["s3"]),
    ("async_trait",          &["s3"]),
    ("quick_xml",            &["s3"]),
];

/// The circles that are still there. A room that is about to be replaced is named whole. Every
/// other entry goes when its circle does, and no new one comes.
const CIRCLES: &[(&str, &[&str])] = &[];

/// The room of a module: the longest path in the table, or its first name.
fn room(module: &[&str]) -> String {
    let path = module.join("/") + "/";
    let rooms = ROOMS.iter().map(|(room, _)| *room).filter(|room| path.starts_with(&format!("{room}/")));
    rooms.max_by_key(|room| room.len()).or(module.first().copied()).unwrap_or("lib").to_owned()
}

/// A path in the code of a file, from the root of the crate.
struct Reference {
    path: Vec<String>,
    /// `pub use`: the file offers the name, and need not use it.
    is_reexport: bool,
}

/// What a file brings into its scope by `use`: each name with its path.
type Imports = BTreeMap<String, Vec<String>>;

/// Every path of a file that leads into this crate, and the names it imports.
fn references(source: &Source) -> (Vec<Reference>, Imports) {
    let module: Vec<String> = source.module().iter().map(ToString::to_string).collect();
    let module = if source.path == "lib.rs" { Vec::new() } else { module };
    let child = Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?mod (\w+);").unwrap();
    let children: BTreeSet<&str> =
        child.captures_iter(&source.code).map(|found| found.get(1).unwrap().as_str()).collect();
    let absolute = |path: &[String]| -> Option<Vec<String>> {
        let mut base = module.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
                return Some([&base[..], rest].concat());
            }
            name if children.contains(name) => return Some([&base[..], path].concat()),
            _ => return None,
        }
        Some([&base[..], &rest[1..]].concat())
    };

    let statement = Regex::new(r"(?s)\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap();
    let (mut found, mut imports) = (Vec::new(), Imports::new());
    for used in statement.captures_iter(&source.code) {
        for (path, name) in leaves(&used[2]) {
            let Some(path) = absolute(&path) else { continue };
            imports.insert(name, path.clone());
            found.push(Reference { path, is_reexport: used.get(1).is_some() });
        }
    }
    let rest = statement.replace_all(&source.code, "");
    let inline = Regex::new(r"\b\w+(?:\s*::\s*\w+)+").unwrap();
    for path in inline.find_iter(&rest) {
        let before = rest[..path.start()].trim_end();
        if before.ends_with("::") || before.ends_with('.') {
            continue;
        }
        let path: Vec<String> = path.as_str().split("::").map(|name| name.trim().to_owned()).collect();
        found.extend(absolute(&path).map(|path| Reference { path, is_reexport: false }));
    }
    (found, imports)
}

/// The paths of a `use` tree, each with the name that it brings.
fn leaves(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    if let Some(open) = tree.find('{') {
        let prefix: Vec<String> =
            tree[..open].split("::").map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect();
        let inside = &tree[open + 1..tree.rfind('}').unwrap()];
        let mut depth = 0;
        let separate = |c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        };
        let parts = inside.split(separate).filter(|part| !part.trim().is_empty());
        return parts
            .flat_map(leaves)
            .map(|(path, name)| {
                let path = if path == ["self"] { prefix.clone() } else { [&prefix[..], &path].concat() };
                let name = if name == "self" { path.last().unwrap().clone() } else { name };
                (path, name)
            })
            .collect();
    }
    let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
    let path: Vec<String> = path.split("::").map(|name| name.trim().to_owned()).collect();
    let name = if alias.is_empty() { path.last().unwrap().clone() } else { alias.trim().to_owned() };
    vec![(path, name)]
}

/// All files, with what they refer to.
struct Tree {
    sources: Vec<Source>,
    references: Vec<Vec<Reference>>,
    imports: Vec<Imports>,
    /// The file of each module.
    files: BTreeMap<Vec<String>, usize>,
}

impl Tree {
    fn new() -> Self {
        let sources: Vec<Source> = sources().into_iter().filter(|source| !source.is_test()).collect();
        let (references, imports) = sources.iter().map(references).unzip();
        let module = |source: &Source| source.module().iter().map(ToString::to_string).collect();
        let files = sources.iter().enumerate().map(|(n, source)| (module(source), n)).collect();
        Self { sources, references, imports, files }
    }

    /// The file that defines what a path names. Names that a file re-exports are followed.
    fn file(&self, path: &[String], steps: usize) -> Option<usize> {
        let (file, rest) = (0..=path.len())
            .rev()
            .find_map(|n| self.files.get(&path[..n]).map(|file| (*file, &path[n..])))?;
        let imported = rest.first().and_then(|name| self.imports[file].get(name));
        match imported {
            Some(origin) if steps > 0 => self.file(origin, steps - 1).or(Some(file)),
            _ => Some(file),
        }
    }

    /// For each file, the files of the same room that it needs.
    fn edges(&self) -> Vec<BTreeSet<usize>> {
        let room_of = |file: usize| room(&self.sources[file].module());
        let needs = |(from, references): (usize, &Vec<Reference>)| {
            references
                .iter()
                .filter(|reference| !reference.is_reexport)
                .filter_map(|reference| self.file(&reference.path, 8))
                .filter(|to| *to != from && room_of(*to) == room_of(from))
                .collect()
        };
        self.references.iter().enumerate().map(needs).collect()
    }
}

/// The files that can be reached from `start` and lead back to it.
fn circle(edges: &[BTreeSet<usize>], start: usize) -> BTreeSet<usize> {
    let reach = |from: usize| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            open.extend(edges[file].iter().filter(|to| seen.insert(**to)));
        }
        seen
    };
    reach(start).into_iter().filter(|file| reach(*file).contains(&start)).collect()
}

#[test]
fn rooms_import_only_what_they_may() {
    let tree = Tree::new();
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    let mut seen = BTreeSet::new();
    for (source, references) in tree.sources.iter().zip(&tree.references) {
        let own = room(&source.module());
        let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == own) else { continue };
        for reference in references {
            let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
            let other = room(&path);
            assert!(other != "cli", "src/{} imports the program: {}", source.path, path.join("::"));
            // A room may use the rooms inside it.
            if rooms.contains(&*other) && other != own && !other.starts_with(&format!("{own}/")) {
                assert!(allowed.contains(&&*other), "src/{} imports {}", source.path, path.join("::"));
                seen.insert((own.clone(), other));
            }
        }
    }
    assert!(seen.contains(&("engine".to_owned(), "format/container".to_owned())), "imports are found");
    for (room, allowed) in ROOMS {
        for other in *allowed {
            assert!(seen.contains(&(room.to_string(), other.to_string())), "{room} does not need {other}");
        }
    }
}

/// The table of rooms in `docs/architecture.md` has the same rooms, and they may import the same.
#[test]
fn the_documented_rooms_are_these() {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let header = "| room | its one job | may import |\n|---|---|---|\n";
    let table = text.split(header).nth(1).expect("a table of rooms").split("\n\n").next().unwrap();
    let names =
        |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut documented = BTreeMap::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [room, _, imports] = cells[..] else { panic!("not three cells: {line}") };
        let room = room.trim().trim_matches('`').to_owned();
        assert!(documented.insert(room, names(imports)).is_none(), "twice: {line}");
    }
    let own = |imports: &[&str]| imports.iter().map(ToString::to_string).collect();
    let rooms: BTreeMap<String, BTreeSet<String>> =
        ROOMS.iter().map(|(room, imports)| (room.to_string(), own(imports))).collect();
    assert_eq!(documented, rooms, "docs/architecture.md, and this file");
}

/// The command line could use what the library keeps to itself, being compiled with it. So it names
/// the library from outside, and of `crate` only itself.
#[test]
fn the_command_line_uses_the_public_face() {
    let of_cli: Vec<Source> =
        sources().into_iter().filter(|source| room(&source.module()) == "cli").collect();
    assert!(of_cli.len() > 40, "the files of the command line were found");
    let library = Regex::new(r"\bkeytrail::\w+::(\w+)::\w").unwrap();
    for source in &of_cli {
        let own = source.code.matches("crate::cli::").count();
        assert_eq!(
            own,
            source.code.matches("crate::").count(),
            "src/{} reaches into the library",
            source.path
        );
        for path in library.captures_iter(&source.code) {
            let is_type = path[1].starts_with(|c: char| c.is_ascii_uppercase());
            let is_public = ["json", "decode", "archive", "container", "tabular"].contains(&&path[1]);
            assert!(is_type || is_public, "src/{} reaches into {}", source.path, &path[0]);
        }
    }
}

#[test]
fn files_of_a_room_import_each_other_in_no_circle() {
    let tree = Tree::new();
    let edges = tree.edges();
    assert!(edges.iter().map(BTreeSet::len).sum::<usize>() > 50, "imports between files are found");
    let path = |file: &usize| tree.sources[*file].path.as_str();
    let (mut done, mut wrong, mut met) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for start in 0..edges.len() {
        let files = circle(&edges, start);
        if files.is_empty() || !done.is_disjoint(&files) {
            continue;
        }
        let own = room(&tree.sources[start].module());
        let known = CIRCLES.iter().position(|(room, declared)| {
            *room == own
                && files.iter().map(path).all(|path| declared.contains(&"*") || declared.contains(&path))
        });
        match known {
            Some(known) => _ = met.insert(known),
            None => {
                let ties = files.iter().map(|from| {
                    let to = edges[*from].intersection(&files).map(path).collect::<Vec<_>>();
                    format!("  {} needs {}\n", path(from), to.join(", "))
                });
                wrong.push(format!("{own}:\n{}", ties.collect::<String>()));
            }
        }
        done.extend(files);
    }
    assert!(wrong.is_empty(), "files that need each other, in {}", wrong.join("and in "));
    for (n, (room, files)) in CIRCLES.iter().enumerate() {
        assert!(met.contains(&n), "the circle in {room} is gone, take it from the list: {files:?}");
    }
}

#[test]
fn crates_stay_in_their_rooms() {
    let path_of = |name: &str| Regex::new(&format!(r"(?:^|[^:\w])(?:::)?{name}::")).unwrap();
    let crates: Vec<_> = CRATES.iter().map(|(name, homes)| (name, homes, path_of(name))).collect();
    for source in sources() {
        let own = room(&source.module());
        for (name, homes, path) in &crates {
            let used = path.is_match(&source.code);
            let own_module = source.code.contains(&format!("mod {name};"));
            let at_home = homes.contains(&&*own);
            assert!(!used || at_home || own_module, "src/{} uses {name}, of {homes:?}", source.path);
        }
    }
}
