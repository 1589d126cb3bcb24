#!/bin/sh
# Everything that has to hold of a commit: format, lints, documentation, and all tests.
# Installs what these need where it may (as root on Debian), and elsewhere says what is missing.
set -eu
cd "$(dirname "$0")"

have() { command -v "$1" >/dev/null 2>&1; }

if ! have cargo || ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    echo "check.sh: needs a current Rust with rustfmt and clippy: see https://rustup.rs" >&2
    exit 1
fi
if ! have cc; then
    if have apt-get && [ "$(id -u)" = 0 ]; then
        echo "check.sh: installing gcc and libc6-dev, to link with"
        apt-get update -qq
        apt-get install -y -qq gcc libc6-dev
    else
        echo "check.sh: needs a C compiler to link with: install gcc (on Debian: apt-get install gcc libc6-dev)" >&2
        exit 1
    fi
fi

# Where Debian keeps what initdb is a part of, others have it in the path.
have_postgres() { have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
have_pgbouncer() { have pgbouncer || [ -x /usr/sbin/pgbouncer ]; }
if ! have redis-server || ! have_postgres || ! have_pgbouncer; then
    if have apt-get && [ "$(id -u)" = 0 ]; then
        echo "check.sh: installing postgresql, pgbouncer and redis-server, of which tests start their own"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            postgresql pgbouncer redis-server
    else
        echo "check.sh: needs PostgreSQL, PgBouncer and Redis, of which tests start their own: install them" \
            "(on Debian: apt-get install postgresql pgbouncer redis-server)" >&2
        exit 1
    fi
fi

step() {
    echo "== $*"
    "$@"
}

# The crowds in the tests need their descriptors.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

step cargo fmt --all --check
# No member of the workspace: see fuzz/Cargo.toml.
step cargo fmt --manifest-path fuzz/Cargo.toml --check
step cargo clippy --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --workspace --no-deps --locked
# The engine without std: see core/no-std/Cargo.toml.
step cargo build --locked --manifest-path core/no-std/Cargo.toml --target-dir target/no-std
step cargo test --workspace --locked
# What the simulation sees does not depend on how it was built.
target=${CARGO_TARGET_DIR:-target}
step cargo build --release --locked -p sim
for tier in engine tokio smol; do
    step "$target/debug/sim" meta --seed 5 --on "$tier" --other "$target/release/sim"
done
