//! In a log's name `%p`, `%e`, `%h`, `%t` and `%n` are filled in.

use scrubjay_tests::child;
use scrubjay_tests::folder::Folder;
use scrubjay_tests::log::Log;

pub fn test() {
    let folder = Folder::new();
    let run = || child!().log(&folder.join("%e,%p,%h,%n,%t,%%.jay")).succeed().process;
    let process = run();
    let [path] = &folder.files()[..] else { panic!("one log: {:?}", folder.files()) };
    let header = Log::read(path).header;
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let parts: Vec<&str> = name.split(',').collect();
    let [program, id, host, count, seconds, rest] = parts[..] else { panic!("{name}") };
    assert_eq!((program, host), (&header.program[..], &header.host[..]));
    assert_eq!((id, count, rest), (&process.to_string()[..], "0", "%.jay"));
    let started = header.start_realtime_ns / 1_000_000_000;
    let seconds: u64 = seconds.parse().expect("a time");
    assert!(started.abs_diff(seconds) <= 1, "{started} {seconds}");
}

pub fn child(_: &[String]) {
    drop(std::hint::black_box(vec![0_u8; 100]));
}
