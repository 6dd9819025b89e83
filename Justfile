# Every task of the project. `just --list` lists them; `just backend=wgpu train-cnn` compiles that
# backend in and runs on it.

backend := "flex"
# The default CPU backend is always compiled in; any other is added to it.
features := if backend == "flex" { "" } else { "--features " + backend }
device := if backend == "flex" { "" } else { "--device " + backend }
peer := ".venv/bin/python bench/peer.py"
bench := "cargo run --release --locked -p tinderbox-bench " + features + " --"
section := if backend == "flex" { "results" } else { backend }
# Only flex has hand-written kernels to compare with Burn's own operations.
plain := if backend == "flex" { "--plain" } else { "" }
run := "cargo run --release --locked -p tinderbox " + features + " --"

[private]
default:
    @just --list --unsorted

# Train a small CNN on generated shapes; further arguments go to `tinderbox train`
train-cnn *args:
    {{run}} train cnn {{device}} {{args}}

# Train a small LSTM on sentences of a grammar
train-rnn *args:
    {{run}} train rnn {{device}} {{args}}

# Train a small GPT on the same sentences
train-transformer *args:
    {{run}} train transformer {{device}} {{args}}

# Train a small BERT on the sentiment of generated sentences
train-bert *args:
    {{run}} train bert {{device}} {{args}}

# Run any `tinderbox` command, as in `just tinderbox eval runs/cnn`
tinderbox *args:
    {{run}} {{args}}

# Install the `tinderbox` command into ~/.cargo/bin
install:
    cargo install --locked --path cli {{features}}

# Run all tests: no network, no GPU
test:
    cargo test --workspace --locked --features tinderbox/ndarray

# Compare the backends with each other; wgpu on a software adapter (Debian: mesa-vulkan-drivers)
test-wgpu:
    cargo test --locked -p tinderbox-train --features ndarray,wgpu --test backends -- --nocapture

# Run the command on damaged files, outside CI; options are those of `tinderbox-fuzz`
fuzz *args:
    cargo build --release --locked
    cargo run --release --locked -p tinderbox-fuzz -- --binary "${CARGO_TARGET_DIR:-target}/release/tinderbox" {{args}}

# Run the kernel tests under AddressSanitizer; needs a nightly toolchain
sanitize:
    RUSTFLAGS=-Zsanitizer=address cargo +nightly test --locked -p tinderbox-kernels --features flex --lib --tests \
        --target "$(rustc -vV | sed -n 's/host: //p')" --target-dir "${CARGO_TARGET_DIR:-target}/sanitize"

# Run every check except the tests: format, lints, API docs, licences
check: lint doc deny

# Check format and lints, warnings denied
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked --features tinderbox/ndarray -- -D warnings

# Build the API documentation, warnings denied
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --features tinderbox/ndarray

# Build the guide into target/book; needs mdbook
guide:
    mdbook build docs

# Check licences and sources of the dependencies; `just advisories` needs a network
deny:
    cargo deny --offline check licenses bans sources

# Check the dependencies for known vulnerabilities
advisories:
    cargo deny check advisories

# Measure speed and memory against PyTorch; without arguments, all of it, into bench/RESULTS.md
bench *args: (venv "bench/requirements.txt")
    {{bench}} {{device}} --peer "{{peer}}" {{ if args == "" { plain + " --markdown bench/RESULTS.md --section " + section } else { args } }}

# Measure training over threads, batch sizes and image sizes against PyTorch, into bench/RESULTS.md
bench-scaling *args: (venv "bench/requirements.txt")
    {{bench}} {{device}} --peer "{{peer}}" --scaling --kind train --markdown bench/RESULTS.md {{args}}

# Compare every image model at full size with torchvision, in both directions: golden/PARITY.md
parity *args: (venv "golden/requirements.txt")
    cargo build --release --locked -p tinderbox -p tinderbox-model-cnn --bin tinderbox --example logits
    .venv/bin/python golden/parity.py --programs "${CARGO_TARGET_DIR:-target}/release" {{args}}

# Compare embeddings of all-MiniLM-L6-v2 with sentence-transformers: largest difference and speed
parity-bert *args: (venv "golden/requirements.txt")
    cargo build --release --locked -p tinderbox --bin tinderbox
    .venv/bin/python golden/parity_bert.py --programs "${CARGO_TARGET_DIR:-target}/release" {{args}}

# Make the golden values anew
golden: (venv "golden/requirements.txt")
    for script in golden/make_*.py golden/transforms.py; do .venv/bin/python "$script" || exit 1; done

[private]
venv requirements:
    test -x .venv/bin/python || python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r {{requirements}}

# Run what CI runs on Linux
ci:
    bash .ci/run
