//! Archives of known content: which records go where, and the files they are written to.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use rayon::prelude::*;

use super::cast::{ACCOUNTS, REGIONS};
use super::json::{Json, Spelling};
use super::kms::{KmsRecord, Place};
use super::rng::Rng;
use super::share_worlds::{World, WorldRecord};
use super::truth::{Delivery, Expected, Truth, time_text};
use super::{everyday, learned, other, workloads};

/// 2024-06-03T00:00:00Z
const START: i64 = 1_717_372_800;
/// Seconds between two archives of one account and region: a few hundred archives make a few weeks
/// of folders.
const STEP: i64 = 97 * 60;
/// Accounts times regions: how many archives lie between two of the same place, such as a record's
/// and its second delivery's.
const PLACES: u64 = 9;
/// What a record takes on average, to reckon how many of a kind an archive should hold.
const MEAN_RECORD: f64 = 1600.0;
/// Steps of what accounts share, for each record of a mean archive; and the most of one world.
const SHARE_STEPS: f64 = 0.25;
const MOST_STEPS: u64 = 40;
/// Smaller archives have no room for what accounts share.
const SMALL: usize = 32 * 1024;

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub struct Corpus {
    pub seed: u64,
    /// Share of the records that have KMS as their event source, 0 to 1.
    pub kms_share: f64,
    /// Share of the records that have SageMaker as their event source, 0 to 1. `None`: about 9 % of
    /// those that are not KMS.
    pub sagemaker_share: Option<f64>,
    pub archives: u64,
    /// JSON bytes of one archive. An archive holds at least one record, however small this is.
    pub archive_bytes: usize,
    /// Spelled and compressed as CloudTrail does it.
    pub everyday: bool,
}

/// One archive before compression.
pub struct Archive {
    /// Below the output directory, with `/`.
    pub path: String,
    pub json: Vec<u8>,
    pub truth: Truth,
}

impl Corpus {
    /// `mib` MiB of JSON in archives of about `archive_kib` KiB.
    pub fn sized(seed: u64, mib: f64, archive_kib: u64, kms_share: f64) -> Self {
        let total = mib * 1_048_576.0;
        let archives = (total / (archive_kib as f64 * 1024.0)).ceil().max(1.0) as u64;
        let filled = (0..archives).filter(|number| !is_empty(*number)).count();
        let archive_bytes = (total / filled as f64) as usize;
        Corpus { seed, kms_share, sagemaker_share: None, archives, archive_bytes, everyday: false }
    }

    /// Writes all archives and `truth.json` below `out`.
    pub fn write(&self, out: &Path) -> io::Result<Truth> {
        let truth = (0..self.archives)
            .into_par_iter()
            .map(|number| {
                let archive = self.archive(number);
                write_file(&out.join(&archive.path), &gzip(&archive.json, self.compression()))?;
                Ok(archive.truth)
            })
            .try_reduce(Truth::default, |mut a, b| {
                a += b;
                Ok::<_, io::Error>(a)
            })?;
        write_file(&out.join("truth.json"), json_text(&truth.to_json())?.as_bytes())?;
        Ok(truth)
    }

    /// The same records, spelled and compressed as CloudTrail does it, for measuring: no escapes
    /// that need not be, no odd blanks.
    pub fn everyday(self) -> Self {
        Self { everyday: true, ..self }
    }

    fn spelled(&self, spelling: Spelling) -> Spelling {
        if self.everyday { Spelling::PLAIN } else { spelling }
    }

    fn compression(&self) -> Compression {
        if self.everyday { Compression::default() } else { Compression::fast() }
    }

    /// The archive of this number, the same on every call.
    pub fn archive(&self, number: u64) -> Archive {
        let mut rng = self.rng(number, 0);
        let place = self.place(number);
        let frame = *rng.pick(&[Spelling::PLAIN, Spelling::PLAIN, Spelling::PLAIN, Spelling::SPACED]);
        let mut filler = Filler::new(self.spelled(frame), self.archive_bytes);
        if !is_empty(number) {
            self.fill(number, &place, &mut rng, &mut filler);
        }
        let (json, mut truth) = filler.finish();
        truth.archives = 1;
        truth.json_bytes = json.len() as u64;
        Archive { path: log_path(&place, self.rng(number, 1).alnum(16).as_str()), json, truth }
    }

    fn fill(&self, number: u64, place: &Place, rng: &mut Rng, filler: &mut Filler) {
        let mut waiting = self.arrivals(number);
        while filler.size() < self.archive_bytes || !filler.has_records() {
            let place = Place { time: place.time - rng.range(60, 840), ..place.clone() };
            let room = self.archive_bytes.saturating_sub(filler.size());
            let kept = if rng.chance(self.kms_share) {
                // Half of the KMS records are arrivals while there are any: they lie among the
                // others.
                match waiting.is_empty() || rng.chance(0.5) {
                    false => filler.kms(
                        &waiting.pop().expect("not empty"),
                        self.spelled(spelling(rng, true)),
                        usize::MAX,
                    ),
                    true => {
                        let record = kms_record(rng, &place);
                        let kept = filler.kms(&record, self.spelled(spelling(rng, true)), room);
                        if kept {
                            waiting.extend(repeated(rng, record));
                        }
                        kept
                    }
                }
            } else {
                let record = self.other(rng, &place, room);
                filler.other(&record, self.spelled(spelling(rng, false)), room)
            };
            if !kept {
                break;
            }
        }
        // What has been promised to the truth of other archives is delivered, room or no room.
        while let Some(record) = waiting.pop() {
            filler.kms(&record, self.spelled(spelling(rng, true)), usize::MAX);
        }
        for record in self.shared(number) {
            filler.other(&record, self.spelled(spelling(rng, false)), usize::MAX);
        }
        if self.has_facts(number) {
            for record in learned::facts(rng, place) {
                filler.other(&record, self.spelled(spelling(rng, false)), usize::MAX);
            }
            let before = Place { time: START - STEP, ..place.clone() };
            let alias = learned::alias(rng, &before);
            filler.kms(&alias, self.spelled(spelling(rng, true)), usize::MAX);
        }
    }

    /// What the account of this archive has of its Region's worlds of shares: its side of the one
    /// of these days, and what comes again of the one before. None in archives for measuring.
    fn shared(&self, number: u64) -> Vec<Json> {
        if self.everyday || self.archive_bytes < SMALL {
            return Vec::new();
        }
        let account = self.place(number).account;
        let mut records: Vec<Json> = Vec::new();
        let first = number - number % 3;
        let before = first.checked_sub(PLACES);
        for (of, is_again) in [(Some(first), false), (before, true)] {
            let Some(of) = of else { continue };
            let place = self.place(of);
            let steps = (self.archive_bytes as f64 / MEAN_RECORD * SHARE_STEPS) as u64;
            let world = World {
                rng: self.rng(of, 5),
                place: &place,
                number: of / PLACES,
                steps: steps.clamp(3, MOST_STEPS),
            };
            let is_here = |told: &WorldRecord| told.account == account && (!is_again || told.comes_again);
            records.extend(world.tell().into_iter().filter(is_here).map(|told| told.record));
        }
        records
    }

    /// A record that is not KMS.
    fn other(&self, rng: &mut Rng, place: &Place, room: usize) -> Json {
        let Some(share) = self.sagemaker_share else { return other::record(rng, place, room) };
        match rng.chance(share / (1.0 - self.kms_share)) {
            true => other::sagemaker_record(rng, place),
            false => other::record_elsewhere(rng, place, room),
        }
    }

    /// The facts of a place are in its last archive, behind most of the calls that they explain.
    fn has_facts(&self, number: u64) -> bool {
        let is_last = |number| number + PLACES >= self.archives;
        let next = number + PLACES;
        self.kms_share > 0.0 && (is_last(number) || is_empty(next) && is_last(next))
    }

    /// Records of this archive that another archive knows of too: first and second deliveries, and
    /// the copies of calls that cross accounts.
    fn arrivals(&self, number: u64) -> Vec<KmsRecord> {
        let mut records = self.redelivered(number);
        if let Some(earlier) = number.checked_sub(PLACES).filter(|earlier| !is_empty(*earlier)) {
            let again = |record| KmsRecord { delivery: Delivery::Duplicate, ..record };
            records.extend(self.redelivered(earlier).into_iter().map(again));
        }
        records.extend(self.corrected(number).into_iter().map(|[original, _]| original));
        if let Some(earlier) = number.checked_sub(PLACES).filter(|earlier| !is_empty(*earlier)) {
            records.extend(self.corrected(earlier).into_iter().map(|[_, correction]| correction));
        }
        records.extend(self.crossings(number).into_iter().map(|(caller, _)| caller));
        if let Some(earlier) = number.checked_sub(1).filter(|earlier| !is_empty(*earlier)) {
            records.extend(self.crossings(earlier).into_iter().map(|(_, owners)| owners));
        }
        records
    }

    /// Records that the archive of this number holds and a later one of the same account and region
    /// holds again.
    fn redelivered(&self, number: u64) -> Vec<KmsRecord> {
        let later = number + PLACES;
        if later >= self.archives || is_empty(later) {
            return Vec::new();
        }
        let (mut rng, place) = (self.rng(number, 2), self.place(number));
        let records = self.expected_kms(&mut rng, 0.01);
        (0..records)
            .map(|_| workload_record(&mut rng, &Place { time: place.time - 300, ..place.clone() }))
            .collect()
    }

    /// Records that the archive of this number holds and a later one corrects.
    fn corrected(&self, number: u64) -> Vec<[KmsRecord; 2]> {
        let later = number + PLACES;
        if later >= self.archives || is_empty(later) {
            return Vec::new();
        }
        let (mut rng, place) = (self.rng(number, 4), self.place(number));
        let place = Place { time: place.time - 240, ..place };
        let records = self.expected_kms(&mut rng, 0.005);
        (0..records)
            .map(|_| {
                let record = workload_record(&mut rng, &place);
                learned::corrected(&mut rng, record)
            })
            .collect()
    }

    /// Calls from the account of this archive on a key of the next archive's account, in the same
    /// region.
    fn crossings(&self, number: u64) -> Vec<(KmsRecord, KmsRecord)> {
        let (here, there) = (self.place(number), self.place(number + 1));
        if here.region != there.region {
            return Vec::new();
        }
        let known = number + 1 < self.archives && !is_empty(number + 1);
        let mut rng = self.rng(number, 3);
        let calls = self.expected_kms(&mut rng, 0.02);
        (0..calls)
            .map(|_| {
                let place = Place { time: here.time - rng.range(60, 600), ..here.clone() };
                everyday::crossing(&mut rng, &place, &there.account, known)
            })
            .collect()
    }

    /// How many records a share of an archive's KMS records is; by chance where it is less than
    /// one.
    fn expected_kms(&self, rng: &mut Rng, share: f64) -> u64 {
        let number = self.archive_bytes as f64 / MEAN_RECORD * self.kms_share * share;
        number as u64 + u64::from(rng.chance(number.fract()))
    }

    fn rng(&self, number: u64, purpose: u64) -> Rng {
        Rng::new(&[self.seed, number, purpose])
    }

    /// Account, region and delivery time of an archive.
    fn place(&self, number: u64) -> Place {
        let (account, region) = (number % 3, number / 3 % 3);
        Place {
            account: ACCOUNTS[account as usize].into(),
            region: REGIONS[region as usize].into(),
            time: START + (number / 9) as i64 * STEP + (number % 9) as i64 * 300,
        }
    }
}

/// Now and then the same record comes again, or its id comes again with something else.
fn repeated(rng: &mut Rng, record: KmsRecord) -> Option<KmsRecord> {
    if record.event_id.is_none() || record.not_usage {
        return None;
    }
    match rng.below(300) {
        0..=4 => Some(KmsRecord { delivery: Delivery::Duplicate, ..record }),
        5 => Some(KmsRecord {
            delivery: Delivery::Conflict,
            request_id: Some(rng.uuid()),
            shared_event_id: None,
            ..record
        }),
        _ => None,
    }
}

/// Some archives hold an empty `Records` array.
fn is_empty(number: u64) -> bool {
    number % 67 == 40
}

/// The object key of a delivery; `time` of the place is the delivery time.
pub fn log_path(place: &Place, unique: &str) -> String {
    let delivered = time_text(place.time);
    let (date, clock) = (&delivered[..10], &delivered[11..16]);
    let (account, region) = (&place.account, &place.region);
    let stamp = format!("{}T{}Z", date.replace('-', ""), clock.replace(':', ""));
    format!(
        "AWSLogs/{account}/CloudTrail/{region}/{}/{account}_CloudTrail_{region}_{stamp}_{unique}.json.gz",
        date.replace('-', "/")
    )
}

fn workload_record(rng: &mut Rng, place: &Place) -> KmsRecord {
    match rng.weighted(&[14, 12, 6, 14, 8]) {
        0 => workloads::geospatial(rng, place),
        1 => workloads::canvas(rng, place),
        2 => workloads::forecast(rng, place),
        3 => workloads::feature_store(rng, place),
        _ => workloads::plain(rng, place),
    }
}

fn kms_record(rng: &mut Rng, place: &Place) -> KmsRecord {
    match rng.weighted(&[48, 26, 10, 7, 3, 6]) {
        0 => workload_record(rng, place),
        1 => everyday::application(rng, place),
        2 => everyday::administration(rng, place),
        3 => everyday::failure(rng, place),
        4 => everyday::oddity(rng, place),
        _ => learned::usage(rng, place),
    }
}

fn spelling(rng: &mut Rng, kms: bool) -> Spelling {
    let rare = if kms { 12 } else { 4 };
    match rng.weighted(&[400 - rare * 4, rare, rare, rare, rare]) {
        1 => Spelling::SPACED,
        2 => Spelling::ASCII,
        3 => Spelling::STOPS,
        4 => Spelling::ALL,
        _ => Spelling::PLAIN,
    }
}

/// A `Records` document in the making, and the truth about it.
pub struct Filler {
    json: Vec<u8>,
    truth: Truth,
    frame: Spelling,
}

impl Filler {
    /// A document of about `size` bytes.
    pub fn new(frame: Spelling, size: usize) -> Self {
        let head: &[u8] = if frame.spaced { b"{ \"Records\" : [\n" } else { b"{\"Records\":[" };
        let mut json = Vec::with_capacity(size + size / 8);
        json.extend_from_slice(head);
        Filler { json, truth: Truth::default(), frame }
    }

    /// Bytes of JSON so far.
    pub fn size(&self) -> usize {
        self.json.len()
    }

    pub fn has_records(&self) -> bool {
        self.truth.records > 0
    }

    pub fn kms(&mut self, record: &KmsRecord, spelling: Spelling, room: usize) -> bool {
        self.push(&record.json(), &record.expected(), spelling, room)
    }

    pub fn other(&mut self, record: &Json, spelling: Spelling, room: usize) -> bool {
        self.push(record, &Expected::OtherSource, spelling, room)
    }

    /// Adds a record, unless leaving it out comes nearer to the room there is.
    pub fn push(&mut self, record: &Json, expected: &Expected, spelling: Spelling, room: usize) -> bool {
        let before = self.json.len();
        if self.has_records() {
            self.json.extend_from_slice(if self.frame.spaced { b" ,\n" } else { b"," });
        }
        record.write(&mut self.json, spelling);
        let size = self.json.len() - before;
        if self.has_records() && size > room && size - room > room {
            self.json.truncate(before);
            return false;
        }
        self.truth.count(expected);
        true
    }

    pub fn finish(mut self) -> (Vec<u8>, Truth) {
        self.json.extend_from_slice(if self.frame.spaced { b"\n] }\n" } else { b"]}" });
        (self.json, self.truth)
    }
}

/// A gzip member without time or name, so that the same content gives the same bytes.
pub fn gzip(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::with_capacity(bytes.len() / 6), level);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a vector takes every write")
}

/// Pretty-printed, with a newline at the end.
pub fn json_text(value: &serde_json::Value) -> io::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
