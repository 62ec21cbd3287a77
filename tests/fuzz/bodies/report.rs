//! From bytes to the reports of an endpoint agent: one line of any format.

use tapir::endpoint::format::{Source, read_line};
use tapir::endpoint::report::{Deed, Format, Process, Report};
use tapir::time::Timestamp;

const SOURCE: Source<'_> = Source {
    agent: Some("agent-1"),
    received_at: Timestamp::from_nanos(1_800_000_000_000_000_000),
};

/// A line gives few reports, each with short texts, that survive being saved and sent on.
pub fn report(line: &[u8]) {
    let Ok(reports) = read_line(line, &SOURCE) else {
        return;
    };
    assert!(reports.len() <= 4096, "{} reports", reports.len());
    for report in reports {
        assert!(report.window.from <= report.window.to, "{report:?}");
        if let Some(process) = process(&report.deed) {
            let texts = [&process.path, &process.command_line];
            for text in texts.into_iter().flatten() {
                assert!(text.len() <= 4096, "{} bytes", text.len());
            }
        }
        if let Deed::Passage(passage) = &report.deed {
            let texts = [
                &passage.url,
                &passage.user_agent,
                &passage.name,
                &passage.user,
            ];
            for text in texts.into_iter().flatten() {
                assert!(text.len() <= 4096, "{} bytes", text.len());
            }
            let url = passage.url.as_deref().unwrap_or_default();
            assert!(!url.contains(['?', '#']), "{url} has more than a path");
            assert!(passage.answers.len() <= 64);
        }
        let saved = postcard::to_stdvec(&report).expect("it can be saved");
        let again: Report = postcard::from_bytes(&saved).expect("it can be restored");
        assert_eq!(again, report);
        if report.format == Format::Tapir {
            // What was short for it may be long when it is written in full.
            continue;
        }
        let sent = serde_json::to_vec(&report).expect("it can be sent");
        let again = read_line(&sent, &SOURCE).expect("it is a report");
        let first = again.first().expect("it still says something");
        assert_eq!(first.window, report.window);
    }
}

fn process(deed: &Deed) -> Option<&Process> {
    match deed {
        Deed::Flow(flow) => Some(&flow.process),
        Deed::Process(told) => Some(&told.process),
        Deed::File(file) => file.process.as_ref(),
        Deed::Inventory(_) | Deed::Passage(_) => None,
    }
}
