#!/usr/bin/env bash
# Builds one static program for x86-64 Linux, and a tar with it, its completions and its manual pages:
#
#   deploy/static.sh            # target/static/keytrail-VERSION-x86_64-linux.tar.gz
#   deploy/static.sh FOLDER     # the same in another folder
#   tar -xzf keytrail-*.tar.gz -C /usr/local --strip-components=1    # installs it
#
# Linked statically with glibc, not musl, whose allocator is slow when several threads allocate. Only
# the program itself is compiled for it: the libraries are those of `cargo build --release`.
set -euo pipefail
folder=$(realpath -m "${1:-"$(dirname "$0")/../target/static"}")
cd "$(dirname "$0")/.."

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# The aim is 25 MB. It is missed (docs/batch.md has the size): this limit only notices growth.
limit=60000000
architecture=$(uname -m)
[ "$architecture" = x86_64 ] || fail "this machine is $architecture; the program is for x86_64"
built=${CARGO_TARGET_DIR:-target}/release/keytrail
cargo rustc --release --locked --bin keytrail -- -C target-feature=+crt-static -C strip=symbols \
    -C link-arg=-Wl,-z,pack-relative-relocs # 2 MB less; needs glibc 2.36

version=$("$built" --version)
name=keytrail-${version#keytrail }-$architecture-linux
root=$folder/$name
rm -rf "$root" "$root.tar.gz"
install -D "$built" "$root/bin/keytrail"
program=$root/bin/keytrail
linked=$(ldd "$program" 2>&1 || true)
grep -Eq 'statically linked|not a dynamic executable' <<<"$linked" || fail "it is not static: $linked"
size=$(stat -c %s "$program")
[ "$size" -le "$limit" ] || fail "it has $size bytes, more than $limit"

share=$root/share
mkdir -p "$share"/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d,man/man1}
"$program" completions bash >"$share/bash-completion/completions/keytrail"
"$program" completions zsh >"$share/zsh/site-functions/_keytrail"
"$program" completions fish >"$share/fish/vendor_completions.d/keytrail.fish"
"$program" man >"$share/man/man1/keytrail.1"
# Each command has a page that the first one names.
commands=$(grep -o 'keytrail\\-[a-z-]*(1)' "$share/man/man1/keytrail.1" | sed 's/.*\\-//; s/(1)//' | sort -u)
[ -n "$commands" ] || fail 'the manual names no commands'
for command in $commands; do
    [ "$command" = help ] || "$program" man "$command" >"$share/man/man1/keytrail-$command.1"
done
install -D -m 644 LICENSE "$share/doc/keytrail/LICENSE"

# The same files give the same tar.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mode=u+w,go-w --mtime="@$time" -cf - "$name" |
    gzip -9n >"$root.tar.gz"
rm -rf "$root"
printf '%s: %s bytes of which the program has %s, unpacked\n' "$root.tar.gz" "$(stat -c %s "$root.tar.gz")" "$size"
