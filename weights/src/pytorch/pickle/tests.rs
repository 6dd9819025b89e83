#![allow(clippy::unwrap_used)]

use super::*;

fn load(bytes: &[u8]) -> Result<Pickle<'_>, Refusal> {
    read(&mut Input::new(bytes, 0))
}

fn refusal(bytes: &[u8]) -> String {
    match load(bytes).unwrap_err() {
        Refusal::Format(reason) => reason,
        Refusal::RunsCode(function) => format!("runs {function}"),
    }
}

#[test]
fn integers_of_every_encoding() {
    for (bytes, expected) in [
        (&b"K\x07."[..], 7),
        (b"M\x01\x02.", 513),
        (b"J\xff\xff\xff\xff.", -1),
        (b"\x8a\x00.", 0),
        (b"\x8a\x01\x80.", -128),
        (b"\x8a\x02\x80\x00.", 128),
        (b"I42\n.", 42),
        (b"L-42L\n.", -42),
    ] {
        let Value::Int(found) = load(bytes).unwrap().root else {
            panic!("{bytes:?} is no integer");
        };
        assert_eq!(found, expected, "{bytes:?}");
    }
}

#[test]
fn a_container_memoized_before_it_is_filled_is_shared() {
    // {"a": d, "b": d} where d = {"x": 1} was put into the memo while it was empty.
    let pickle = load(b"}(U\x01a}q\x00U\x01xK\x01sU\x01bh\x00u.").unwrap();
    for key in ["a", "b"] {
        let inner = pickle.get(pickle.root, key).unwrap();
        assert!(
            matches!(pickle.get(inner, "x"), Some(Value::Int(1))),
            "{key}"
        );
    }
}

#[test]
fn the_last_value_of_a_key_counts() {
    let pickle = load(b"}(U\x01aK\x01U\x01aK\x02u.").unwrap();
    assert!(matches!(pickle.get(pickle.root, "a"), Some(Value::Int(2))));
}

#[test]
fn objects_of_unknown_classes_are_names() {
    // A dict subclass with an entry, a list subclass with an element, attributes, and a call: all
    // at once in a list.
    let pickle = load(
        b"](cpkg\nDict\n)\x81U\x01kK\x01scpkg\nList\n)\x81K\x02acpkg\nArgs\n)\x81}U\x01aK\x03sbcnumpy\nscalar\n(K\x01tRe.",
    )
    .unwrap();
    let Some(Node::Sequence(objects)) = pickle.node(pickle.root) else {
        panic!("no list");
    };
    let classes = objects.iter().map(|object| match pickle.node(*object) {
        Some(Node::Map { class, .. }) => class.unwrap().to_string(),
        other => panic!("{other:?}"),
    });
    let classes: Vec<String> = classes.collect();
    assert_eq!(
        classes,
        ["pkg.Dict", "pkg.List", "pkg.Args", "numpy.scalar"]
    );
    assert!(matches!(pickle.get(objects[0], "k"), Some(Value::Int(1))));
}

#[test]
fn functions_that_run_code_are_detected_however_they_are_named() {
    for (bytes, function) in [
        (&b"cos\nsystem\n(U\x02lstR."[..], "os.system"),
        (b"cposix\nsystem\n(U\x02lstR0}.", "posix.system"),
        (b"(U\x02lsios\nsystem\n.", "os.system"),
        (b"(cos\nsystem\nU\x02lso.", "os.system"),
        (b"\x8c\x08builtins\x8c\x04eval\x93.", "builtins.eval"),
        (
            b"\x8c\x08builtins\x94\x8c\x04exec\x94h\x00h\x01\x93.",
            "builtins.exec",
        ),
        (b"csubprocess\nPopen\n.", "subprocess.Popen"),
        (b"c__builtin__\n__import__\n.", "__builtin__.__import__"),
        (b"cimportlib.util\nfind_spec\n.", "importlib.util.find_spec"),
    ] {
        assert_eq!(refusal(bytes), format!("runs {function}"));
    }
    load(b"cbuiltins\nset\n](K\x01e\x85R.").unwrap();
    load(b"ccode.models\nSettings\n)\x81.").unwrap();
}

#[test]
fn invalid_pickles_are_errors() {
    for (bytes, reason) in [
        (&b""[..], "ends too early"),
        (b"K", "ends too early"),
        (b"X\xff\xff\xff\xffab", "ends too early"),
        (b".", "pops more values than it has"),
        (b"K\x01(0.", ""),
        (b"(K\x01", "ends too early"),
        (b"K\x01(a.", "pops more values than it has"),
        (b"t.", "lacks a mark"),
        (b"}(K\x01u.", "a key without a value"),
        (b"h\x05.", "value 5, which it does not have"),
        (b"\xff.", "0xff"),
        (b"U\x01aQ.", "storage"),
        (
            b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
            "no proper description",
        ),
    ] {
        match reason {
            "" => drop(load(bytes).unwrap()),
            _ => assert!(
                refusal(bytes).contains(reason),
                "{bytes:?}: {}",
                refusal(bytes)
            ),
        }
    }
}

#[test]
fn a_short_pickle_cannot_cause_much_work() {
    let mut bytes = vec![b'}'; MAX_STEPS + 1];
    bytes.push(b'.');
    assert!(refusal(&bytes).contains("save the state dict alone"));
    // A long list, copied over and over.
    let mut bytes = b"ccollections\nOrderedDict\nq\x00](".to_vec();
    bytes.extend(b"](K\x01K\x02e".repeat(1000));
    bytes.extend(b"e\x85q\x01");
    bytes.extend(b"h\x00h\x01R".repeat(2000));
    bytes.push(b'.');
    assert!(refusal(&bytes).contains("save the state dict alone"));
}

#[test]
fn nesting_has_no_limit() {
    let mut bytes = vec![b'('; 100_000];
    bytes.extend(vec![b't'; 100_000]);
    bytes.push(b'.');
    load(&bytes).unwrap();
}
