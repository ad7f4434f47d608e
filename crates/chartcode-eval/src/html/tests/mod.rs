//! The report as a whole.

mod mock;
mod parts;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::render;
use crate::summary::Summary;

/// Every name of an element, and every attribute with its value; panics where tags do not nest.
fn parse(html: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut reader = Reader::from_str(html);
    let (mut names, mut attributes) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event().expect("well-formed");
        let element = match &event {
            Event::Start(element) => {
                depth += 1;
                element
            }
            Event::Empty(element) => element,
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        names.push(element.name().as_ref().to_owned());
        for attribute in element.attributes() {
            let attribute = attribute.expect("well-formed attributes");
            attributes.push((attribute.key.as_ref().to_owned(), attribute.value.to_string()));
        }
    }
    assert_eq!(depth, 0);
    (names, attributes)
}

fn all() -> [(&'static str, Summary); 3] {
    [("realistic", mock::realistic()), ("empty", mock::empty()), ("hostile", mock::hostile())]
}

#[test]
fn reports_are_well_formed_and_the_same_each_time() {
    for (name, summary) in all() {
        let html = render(&summary).unwrap();
        let (names, _) = parse(&html);
        assert_eq!(names.iter().filter(|&name| name == "h1").count(), 1, "{name}");
        assert_eq!(html, render(&summary).unwrap(), "{name}");
    }
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    for (name, summary) in all() {
        let html = render(&summary).unwrap();
        let (names, attributes) = parse(&html);
        for forbidden in ["script", "link", "img", "iframe", "object", "embed", "base", "form"] {
            assert!(!names.iter().any(|name| name == forbidden), "{name}: <{forbidden}>");
        }
        for (key, value) in &attributes {
            assert!(!key.starts_with("on") && key != "src", "{name}: {key}");
            assert!(key != "href" || value.starts_with('#'), "{name}: {value}");
            assert!(!value.contains("//") && !value.contains("url("), "{name}: {key}={value}");
        }
        assert!(!super::page::STYLE.contains("url(") && !super::page::STYLE.contains("@import"));
        assert!(!html.contains("http:") && !html.contains("https:"), "{name}");
        assert!(html.contains("default-src 'none'"));
    }
}

#[test]
fn words_of_others_are_escaped() {
    let html = render(&mock::hostile()).unwrap();
    assert!(!html.contains("<script") && !html.contains("<b>"));
    assert_eq!(html.matches("</style>").count(), 1);
    assert!(html.contains("&lt;script&gt;alert('x')&lt;/script&gt; &amp; &quot;quoted&quot;"));
}

#[test]
fn every_section_has_its_heading() {
    let html = render(&mock::realistic()).unwrap();
    for topic in [
        "For the coding manager",
        "Metrics",
        "Precision and recall",
        "Calibration",
        "Automation",
        "By code system",
        "By chapter",
        "By frequency in training",
        "Most confused codes",
        "Evidence",
        "Charts with most errors",
        "Data and run",
        "Definitions",
    ] {
        let heading = format!("<h2><span class=\"topic\">{topic}</span>");
        assert_eq!(html.matches(&heading).count(), 1, "{topic}");
    }
}

#[test]
fn findings_are_told() {
    let html = render(&mock::realistic()).unwrap();
    for finding in [
        "A reviewer keeps 42 of 100 suggested codes; 40 of 100 final codes had been suggested",
        "Micro F1 is 56\u{202f}%, and 53\u{202f}% when codes that the model cannot know count as missed",
        "Precision 95\u{202f}% can be had for 12\u{202f}% of suggested codes",
        "No threshold keeps 98\u{202f}% right.",
        "F1 is 0\u{202f}% for codes with 0 training charts and 77\u{202f}% for those with &gt;1000",
        "In 47 charts, E11.65 was missed and E11.9 suggested",
        "512 charts read, 12 not evaluated",
    ] {
        assert!(html.contains(finding), "{finding}");
    }
}

#[test]
fn what_is_not_there_is_left_out_or_explained() {
    let html = render(&mock::empty()).unwrap();
    for absent in
        ["By chapter", "By code system", "Most confused", "Evidence", "<svg class=\"plot\""]
    {
        assert!(!html.contains(absent), "{absent}");
    }
    for said in ["gives no scores", "gives no probabilities", "No metric was computed", "–"] {
        assert!(html.contains(said), "{said}");
    }
}

#[test]
fn long_lists_say_how_many_more_there_are() {
    let html = render(&mock::realistic()).unwrap();
    assert!(html.contains("6 more pairs not shown here."));
    assert!(html.contains("5 more charts not shown here."));
    assert!(html.contains("and 7 more"), "31 missed codes, 24 shown");
}

#[test]
fn plots_have_numbers_alone_and_stay_in_their_frames() {
    for (name, summary) in all() {
        let (_, attributes) = parse(&render(&summary).unwrap());
        let places =
            ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "points"];
        for (key, value) in attributes.iter().filter(|(key, _)| places.contains(&key.as_str())) {
            for number in value.split([' ', ',']).filter(|part| !part.is_empty()) {
                let number: f64 =
                    number.parse().unwrap_or_else(|_| panic!("{name}: {key}={value}"));
                assert!((-8.0..=1900.0).contains(&number), "{name}: {key}={number}");
            }
        }
    }
}

#[test]
fn no_undefined_figure_is_printed_as_a_number() {
    for (name, summary) in all() {
        let html = render(&summary).unwrap();
        for word in ["NaN", "inf ", "inf<", "inf%", "inf\u{202f}"] {
            assert!(!html.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn plots_take_their_colours_from_the_style_sheet() {
    let html = render(&mock::realistic()).unwrap();
    let (_, style_gone) = html.split_once("</style>").unwrap();
    assert!(!style_gone.contains("#C0DE"), "a placeholder is left");
    assert!(!style_gone.contains("font-family="));
    let (names, attributes) = parse(&html);
    let plots = names.iter().filter(|&name| name == "svg").count();
    let labelled = attributes.iter().filter(|(key, value)| key == "role" && value == "img").count();
    assert!(plots > 40);
    assert_eq!(plots, labelled);
}

#[test]
fn text_of_charts_is_only_in_reports_that_were_given_it() {
    let mut summary = mock::realistic();
    let without = render(&summary).unwrap();
    assert!(!without.contains("<pre>"));
    assert!(without.contains("no chart’s text"));
    summary.worst_charts[0].text = Some("dyspnoea <3 days\n  on exertion".to_owned());
    let with = render(&summary).unwrap();
    assert!(with.contains("<pre>dyspnoea &lt;3 days\n  on exertion</pre>"));
    assert!(with.contains("This file holds the text of charts."));
}

/// Relative luminance of a colour such as `#1d5fbf` (WCAG 2.2).
fn luminance(hex: &str) -> f64 {
    let channel = |at: usize| {
        let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn text_has_the_contrast_of_wcag_aa_in_light_and_dark() {
    let (light, dark) = super::page::STYLE.split_once("prefers-color-scheme: dark").unwrap();
    for theme in [light, dark] {
        let colour = |name: &str| {
            let at = theme.find(&format!("--{name}: #")).unwrap() + name.len() + 4;
            luminance(&theme[at..at + 7])
        };
        let paper = colour("paper");
        for name in ["ink", "muted", "blue", "orange"] {
            let text = colour(name);
            let ratio = (paper.max(text) + 0.05) / (paper.min(text) + 0.05);
            assert!(ratio >= 4.5, "{name}: {ratio}");
        }
    }
}

/// For the eye: writes the reports into the folder that `CHARTCODE_REPORTS` names.
#[test]
#[ignore = "writes files"]
fn write_reports() {
    let folder = std::env::var_os("CHARTCODE_REPORTS").expect("CHARTCODE_REPORTS is set");
    for (name, summary) in all() {
        let path = std::path::Path::new(&folder).join(format!("{name}.html"));
        std::fs::write(path, render(&summary).unwrap()).unwrap();
    }
}
