# `just --list` is the map. `just backend=wgpu train-cnn` compiles that backend in and runs on it.

backend := "flex"
# A GPU backend is compiled in beside the CPU one; ndarray too.
features := if backend == "flex" { "" } else { "--features " + backend }
device := if backend == "flex" { "" } else { "--device " + backend }
peer := ".venv/bin/python bench/peer.py"
bench := "cargo run --release --locked -p tinderbox-bench " + features + " --"
section := if backend == "flex" { "results" } else { backend }
# Only flex has kernels of ours to be compared with Burn's own operations.
plain := if backend == "flex" { "--plain" } else { "" }
run := "cargo run --release --locked -p tinderbox " + features + " --"

[private]
default:
    @just --list --unsorted

# Train the article's CNN on generated shapes; more arguments go to `tinderbox train`
train-cnn *args:
    {{run}} train cnn {{device}} {{args}}

# Train a small LSTM on sentences of a grammar
train-rnn *args:
    {{run}} train rnn {{device}} {{args}}

# Train a small GPT on the same sentences
train-transformer *args:
    {{run}} train transformer {{device}} {{args}}

# Train a small BERT to tell the sentiment of generated sentences
train-bert *args:
    {{run}} train bert {{device}} {{args}}

# Run any `tinderbox` command, as in `just tinderbox eval runs/cnn`
tinderbox *args:
    {{run}} {{args}}

# Put the `tinderbox` command into ~/.cargo/bin
install:
    cargo install --locked --path cli {{features}}

# All tests: no network, no GPU
test:
    cargo test --workspace --locked --features tinderbox/ndarray

# The compiled-in backends against each other, wgpu on a software adapter (Debian: mesa-vulkan-drivers)
test-wgpu:
    cargo test --locked -p tinderbox-train --features ndarray,wgpu --test backends -- --nocapture

# The kernels' tests under AddressSanitizer, for their unsafe parts; needs a nightly toolchain
sanitize:
    RUSTFLAGS=-Zsanitizer=address cargo +nightly test --locked -p tinderbox-kernels --features flex --lib --tests \
        --target "$(rustc -vV | sed -n 's/host: //p')" --target-dir "${CARGO_TARGET_DIR:-target}/sanitize"

# Everything that needs no test run: format, lints, docs, licences
check: lint doc deny

# Format and lints, warnings denied
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked --features tinderbox/ndarray -- -D warnings

# Documentation, warnings denied
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --features tinderbox/ndarray

# Licences, duplicate and unwanted crates; `just advisories` needs a network
deny:
    cargo deny --offline check licenses bans sources

# Known vulnerabilities in the dependencies
advisories:
    cargo deny check advisories

# Speed and memory against PyTorch, alternating in one call; all of it, without arguments, goes into bench/RESULTS.md
bench *args: (venv "bench/requirements.txt")
    {{bench}} {{device}} --peer "{{peer}}" {{ if args == "" { plain + " --markdown bench/RESULTS.md --section " + section } else { args } }}

# Training with one thread and all, and with larger batches and images, against PyTorch; kept in bench/RESULTS.md
bench-scaling *args: (venv "bench/requirements.txt")
    {{bench}} {{device}} --peer "{{peer}}" --scaling --kind train --markdown bench/RESULTS.md {{args}}

# Every named model at full size against torchvision, in both directions: golden/PARITY.md
parity *args: (venv "golden/requirements.txt")
    cargo build --release --locked -p tinderbox -p tinderbox-model-cnn --bin tinderbox --example logits
    .venv/bin/python golden/parity.py --programs "${CARGO_TARGET_DIR:-target}/release" {{args}}

# Embeddings of all-MiniLM-L6-v2 against sentence-transformers: the largest difference, and the speed of both
parity-bert *args: (venv "golden/requirements.txt")
    cargo build --release --locked -p tinderbox --bin tinderbox
    .venv/bin/python golden/parity_bert.py --programs "${CARGO_TARGET_DIR:-target}/release" {{args}}

# Make the golden fixtures anew
golden: (venv "golden/requirements.txt")
    for script in golden/make_*.py golden/transforms.py; do .venv/bin/python "$script" || exit 1; done

[private]
venv requirements:
    test -x .venv/bin/python || python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r {{requirements}}

# What CI runs
ci:
    bash .ci/run
