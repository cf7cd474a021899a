//! `SECURITY.md`, `docs/promises.md` and `docs/track-record.md`, held: each threat, promise and bug names
//! tests that there are;
//! those that belong to no other place are here.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rescind::emulator::{Credentials, Options};

use crate::process::fleet::{ACCOUNT, REGION, World, fleet_file, policy, policy_with};
use crate::process::{Beside, Ran, ran, rescind, until};

fn all_sources(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_sources(&path, sources);
        } else if path.extension().is_some_and(|it| it == "rs") {
            sources.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// Whether a source has a test of this name that `cargo test` runs: none does of what comes after the
/// first line that asks for a feature.
fn has_test(source: &str, name: &str) -> bool {
    let asks =
        |line: &&str| line.starts_with("#[cfg(feature") || line.starts_with("#![cfg(feature");
    let lines: Vec<_> = source.lines().map(str::trim).take_while(|line| !asks(line)).collect();
    let begins = format!("fn {name}(");
    let is_run = |at: usize| {
        let above = lines[..at].iter().rev();
        let attributes = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        let mut is_test = false;
        for attribute in attributes {
            is_test |= *attribute == "#[test]" || attribute.starts_with("#[tokio::test");
            if attribute.starts_with("#[cfg") || attribute.starts_with("#[ignore") {
                return false;
            }
        }
        is_test
    };
    let begins = |line: &str| line.trim_start_matches("async ").starts_with(&begins);
    (0..lines.len()).any(|at| begins(lines[at]) && is_run(at))
}

/// How many rows a page's first table has; asserts that each names tests in this column, and that they
/// are there.
fn rows_with_tests(page: &str, column: usize) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in ["src", "tests"] {
        all_sources(&root.join(folder), &mut sources);
    }
    let text = fs::read_to_string(root.join(page)).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| "));
    let mut count = 0;
    for row in table.take_while(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let names: Vec<_> = cells[column].split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{page}: no test: {row}");
        for name in names {
            let found = sources.iter().any(|source| has_test(source, name));
            assert!(found, "{page}: there is no test {name} that is run");
        }
        count += 1;
    }
    count
}

#[test]
fn what_is_no_test_or_is_not_run_holds_nothing() {
    let text = |above: &str| format!("{above}\n    fn it_holds() {{}}\n");
    for above in
        ["#[test]", "/// Why.\n#[test]\n#[expect(x)]", "#[tokio::test(start_paused = true)]"]
    {
        assert!(has_test(&text(above), "it_holds"), "{above}");
    }
    assert!(has_test("#[tokio::test]\nasync fn it_holds() {}\n", "it_holds"));
    for above in [
        "",
        "#[test]\nfn another() {}\n",
        "#[cfg(windows)]\n#[test]",
        "#[cfg(feature = \"mutants\")]\nmod more {\n    #[test]",
        "#[test]\n#[ignore]",
        "#![cfg(feature = \"mutants\")]\n\n#[test]",
    ] {
        assert!(!has_test(&text(above), "it_holds"), "{above}");
    }
    assert!(!has_test(&text("#[test]"), "it_hold"));
}

#[test]
fn each_threat_names_tests_that_there_are() {
    assert!(rows_with_tests("SECURITY.md", 2) >= 20);
}

#[test]
fn each_promise_names_tests_that_there_are() {
    assert_eq!(rows_with_tests("docs/promises.md", 1), 10);
}

#[test]
fn each_bug_that_was_mended_names_a_test_that_there_is() {
    assert!(rows_with_tests("docs/track-record.md", 2) > 0);
}

const SECRET: &str = "canary1secret1of1the1credentials";
const TOKEN: &str = "canary2session2token2of2the2credentials";
const LISTEN: &str = "canary3token3of3the3status3address";

fn holds_no_secret(what: &str, text: &str) {
    for secret in [SECRET, TOKEN, LISTEN] {
        assert!(!text.contains(secret), "{what} has a secret in it");
    }
}

fn no_file_holds_a_secret(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            no_file_holds_a_secret(&path);
        } else if path.file_name().is_some_and(|name| name != "token") {
            let bytes = fs::read(&path).unwrap();
            holds_no_secret(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn no_secret_is_in_any_output_or_file_at_any_level() {
    let world = World::new(3);
    world.write("a.yaml", &policy("a", "r00[12]"));
    fs::write(world.path("token"), LISTEN).unwrap();
    let with_canaries = |args: &[&str], log: &str| {
        let mut command = world.command(args);
        command
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_SESSION_TOKEN", TOKEN)
            .env("RUST_LOG", log);
        command
    };
    let checked = |args: &[&str]| -> Ran {
        let ran = ran(with_canaries(args, "trace"));
        holds_no_secret(&format!("stdout of {args:?}"), &ran.stdout);
        holds_no_secret(&format!("stderr of {args:?}"), &ran.stderr);
        ran
    };
    let pins = ["--account", ACCOUNT, "--region", REGION];
    for form in ["text", "json", "markdown", "github"] {
        let args = [&["plan", "root", "--out", "plan.json", "-o", form], &pins[..]].concat();
        let planned = checked(&args);
        assert_eq!(planned.code, 0, "{}", planned.stderr);
        // Else what is looked for could not be there.
        assert!(planned.stderr.contains("TRACE"), "{args:?} logs all that there is");
    }
    let verbs: [&[&str]; 3] = [
        &["apply", "root", "--yes"],
        &["explain", "r001", "fw", "--root", "root"],
        &["snapshot", "--root", "root", "--out", "fleet.yaml"],
    ];
    for verb in verbs {
        let ran = checked(&[verb, &pins[..]].concat());
        assert_eq!(ran.code, 0, "{verb:?}: {}", ran.stderr);
    }
    checked(&["audit", "-o", "json"]);
    checked(&["audit", "--verify", "aws"]);

    let listen = ["--listen", "0.0.0.0:0", "--listen-token-file", "token", "--interval", "1s"];
    for (format, idle) in [("text", "due=0"), ("json", "\"due\":0")] {
        let args = [&["run", "root", "--log-format", format], &pins[..], &listen].concat();
        let mut controller = Beside::start(with_canaries(&args, "trace"));
        controller.log.wait("status and metrics are here");
        controller.log.wait(idle);
        controller.signal("TERM");
        assert_eq!(controller.end(), 0);
        holds_no_secret("the log of run", &controller.log.all().join("\n"));
    }
    no_file_holds_a_secret(world.folder.path());
    // Refused credentials are told without them.
    let denied = ran(with_canaries(&["plan", "root", "--region", "nowhere"], "trace"));
    holds_no_secret("an error", &denied.stderr);
}

#[test]
fn what_is_logged_acts_on_no_terminal_and_turns_no_text() {
    let world = World::new(1);
    let evil = "b\u{202e}\u{9b}2J\u{85}.yaml";
    world.write(evil, "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\n");
    world.write("a.yaml", &policy("a", "*"));
    for format in ["text", "json"] {
        let controller = world.controller("root", &["--log-format", format, "--interval", "1h"]);
        until("the file is named", || {
            let lines = controller.log.all();
            let named = lines.iter().any(|line| line.contains("2J") && line.contains("202e"));
            named.then_some(())
        });
        for line in controller.log.all() {
            let unsafe_ones = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!line.contains(unsafe_ones), "{line:?}");
            if format == "json" {
                serde_json::from_str::<serde_json::Value>(&line).expect("each line is JSON");
            }
        }
    }
    let validated = rescind(&["validate", &world.path("root").display().to_string()]);
    assert!(!validated.stderr.contains(['\u{202e}', '\u{9b}', '\u{85}']), "{validated:?}");
    assert!(!validated.stdout.contains(['\u{202e}', '\u{9b}', '\u{85}']), "{validated:?}");
}

#[test]
fn what_a_device_wrote_is_never_evaluated() {
    let world = World::new(1);
    let evil = "${execution.version + 1}${now}";
    let now = world.emulator.now();
    world.emulator.store(|store| {
        let details = [("phase".to_owned(), evil.to_owned())].into();
        store.start_next("r001", Some(details), None, now).unwrap();
    });
    let cancel = "mode: Enforce\n  cancel:\n    force: true\n    statusDetails:\n      set:\n        \
                  was: \"in ${execution.statusDetails['phase']}\"";
    world.write("a.yaml", &policy_with("a", "*", cancel).replace("[QUEUED]", "[IN_PROGRESS]"));
    let pins = ["--account", ACCOUNT, "--region", REGION];
    let applied = ran(world.command(&[&["apply", "root", "--yes"], &pins[..]].concat()));
    assert_eq!(applied.code, 0, "{}{}", applied.stdout, applied.stderr);
    let effects = world.emulator.effects();
    assert_eq!(effects.len(), 1);
    let after = &effects[0].status_details_after;
    assert_eq!(after["phase"], evil, "what the device wrote stays as it is");
    assert_eq!(after["was"], format!("in {evil}"));
}

#[test]
fn a_request_of_ours_that_is_sent_again_cancels_nothing_more() {
    let signed =
        Credentials { access_key_id: "any".to_owned(), secret_access_key: "any".to_owned() };
    let options = Options { verify_signatures: Some(signed), ..Options::default() };
    let world = World::with(&fleet_file(1), options);
    world.write("a.yaml", &policy("a", "*"));
    let (recorder, recorded) = recorder(world.address);
    let mut apply = world.apply(&["--yes"]);
    apply.env("AWS_ENDPOINT_URL_IOT", format!("http://{recorder}"));
    let applied = ran(apply);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    let cancel = recorded.lock().unwrap().iter().find_map(|sent| cancel_of(sent)).expect("sent");
    assert!(String::from_utf8_lossy(&cancel).contains("\"expectedVersion\":1"));
    let again = || {
        let mut stream = TcpStream::connect(world.address).unwrap();
        stream.write_all(&cancel).unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let ended = again();
    assert!(ended.starts_with("HTTP/1.1 409 "), "what it hit has ended: {ended}");
    assert!(world.emulator.store(|store| store.delete_execution("r001", "fw")));
    let gone = again();
    assert!(gone.starts_with("HTTP/1.1 404 "), "what it hit is gone: {gone}");
    assert_eq!(world.emulator.effects().len(), 1);
}

/// Passes on what comes to it, to an address, and keeps it: one entry a connection.
fn recorder(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let recorded = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let all = Arc::clone(&recorded);
    std::thread::spawn(move || {
        for (place, from) in listener.incoming().enumerate() {
            let (mut from, mut to) = (from.unwrap(), TcpStream::connect(to).unwrap());
            let (mut answers, mut back) = (to.try_clone().unwrap(), from.try_clone().unwrap());
            all.lock().unwrap().push(Vec::new());
            let all = Arc::clone(&all);
            std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(length @ 1..) = from.read(&mut bytes) {
                    all.lock().unwrap()[place].extend(&bytes[..length]);
                    to.write_all(&bytes[..length]).unwrap();
                }
            });
        }
    });
    (address, recorded)
}

/// The bytes of the first cancel among those of a connection.
fn cancel_of(sent: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(sent).expect("requests are text");
    let request = &text[text.find("PUT /things/")?..];
    let (head, _) = request.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    Some(request.as_bytes()[..head.len() + 4 + length?].to_vec())
}
