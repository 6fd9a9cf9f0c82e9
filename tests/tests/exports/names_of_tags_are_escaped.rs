//! Quotes, backslashes and line feeds in a tag's name are escaped, anything else is
//! as it is: a name makes no sample of its own.

use scrubjay::Tag;
use scrubjay_tests::child;

static ODD: Tag = Tag::new("a\"b\\c\nd} 1\n# EOF\u{e9}\u{1f426}\r\t\u{1}");

pub fn test() {
    child!().succeed();
}

pub fn child(_: &[String]) {
    let block = {
        let _scope = ODD.enter();
        vec![1_u8; 4_321]
    };
    let text = scrubjay::open_metrics();
    let name = "a\\\"b\\\\c\\nd} 1\\n# EOF\u{e9}\u{1f426}\r\t\u{1}";
    let line = format!("\nscrubjay_live_bytes{{tag=\"{name}\",class=\"public\"}} 4321\n");
    assert!(text.contains(&line), "{text}");
    assert_eq!(text.matches("\n# EOF").count(), 1, "{text}");
    drop(block);
}
