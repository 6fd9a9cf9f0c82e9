//! Of a corpus of leaks and traps whose truth is known, every leak is called
//! one, at its line, and no trap is. What is different by the nature of a
//! conservative search is said by the corpus itself, case by case.

use scrubjay::{LeakCheck, LeakKind};
use scrubjay_corpus::{Case, Half, Kind};
use scrubjay_tests::{child, parallel};

/// What is said of a case.
struct Verdict {
    case: &'static Case,
    is_alarm: bool,
    has_site: bool,
    told: String,
}

impl Verdict {
    fn is_right(&self) -> bool {
        self.is_alarm == self.case.is_leak() && (!self.is_alarm || self.has_site)
    }
}

pub fn test() {
    let cases: Vec<&'static Case> = scrubjay_corpus::cases().collect();
    let verdicts = parallel::map_waiting(&cases, |&case| judge(case));
    let mut wrong = Vec::new();
    for half in [Half::Open, Half::Blind] {
        for kind in [Kind::Lost, Kind::Kept, Kind::Clean] {
            let mut count = 0;
            let mut right = 0;
            for verdict in verdicts.iter().filter(|is| is.case.half == half && is.case.kind == kind)
            {
                count += 1;
                right += usize::from(verdict.is_right());
            }
            println!("  {half:?} half, {kind:?}: {right} of {count} right");
        }
    }
    for verdict in verdicts.iter().filter(|verdict| !verdict.is_right()) {
        let case = verdict.case;
        match case.exception {
            Some(why) => println!("  {}, as may be: {why}", case.name),
            None => wrong.push(format!("{}, {:?}: {}", case.name, case.kind, verdict.told)),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn judge(case: &'static Case) -> Verdict {
    let finished = child!().argument(case.name).run();
    let told = finished.output.clone();
    assert!(finished.status.success(), "{}: {finished:?}", case.name);
    let is_alarm = told.lines().any(|line| line.starts_with("leak "));
    let has_site = told.lines().any(|line| line == "leak at its site");
    Verdict { case, is_alarm, has_site, told }
}

pub fn child(arguments: &[String]) {
    let case = scrubjay_corpus::case(&arguments[0]).expect("a case of the corpus");
    let report = LeakCheck::new().run(case.run).expect("a check can be made");
    for leak in &report.leaks {
        let is_line = |line: u32| case.lines().any(|known| known == line);
        let is_site = leak.frames.iter().any(|frame| {
            let function = frame.function.rsplit("::").find(|part| !part.starts_with('{'));
            function == Some(case.site) && frame.line.is_some_and(is_line)
        });
        println!("leak {}", if is_site { "at its site" } else { "elsewhere" });
    }
    let kinds = |kind| report.leaks.iter().filter(|leak| leak.kind == kind).count();
    println!("{} lost, {} growing", kinds(LeakKind::Lost), kinds(LeakKind::Growing));
    println!("{report}");
}
