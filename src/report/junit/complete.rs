//! One pass over the crate's XML that adds what the crate cannot write: totals, `skipped` counts,
//! properties, times with three decimals, indentation.

use crate::base::error::{Error, ErrorContext as _};
use quick_xml::{
    Reader, Writer,
    events::{BytesStart, Event},
};

/// What a suite lacks.
pub struct Extra {
    /// How many of its cases were skipped.
    pub skipped: usize,
    /// Names and values of its properties, fit for XML.
    pub properties: Vec<(String, String)>,
}

/// Completes the XML; the extras are those of its suites, in their order.
///
/// # Errors
/// Blames the harness where the XML is not well-formed.
pub fn complete(xml: &[u8], totals: &[(&str, usize)], extras: &[Extra]) -> Result<String, Error> {
    let broken = || "can't complete the JUnit XML".to_owned();
    let mut reader = Reader::from_reader(xml);
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let mut extras = extras.iter();
    loop {
        match reader.read_event().or_harness(broken)? {
            Event::Eof => break,
            Event::Start(tag) if tag.name().as_ref() == b"testsuites" => {
                let tag = counted(tag, [("name", "pulp-drill".to_owned())], totals);
                writer.write_event(Event::Start(tag)).or_harness(broken)?;
            }
            Event::Start(tag) if tag.name().as_ref() == b"testsuite" => {
                let extra = extras.next().ok_or_else(|| Error::harness("a JUnit suite too many"))?;
                let tag = counted(timed(tag).or_harness(broken)?, [], &[("skipped", extra.skipped)]);
                writer.write_event(Event::Start(tag)).or_harness(broken)?;
                write_properties(&mut writer, &extra.properties).or_harness(broken)?;
            }
            Event::Start(tag) => {
                writer.write_event(Event::Start(timed(tag).or_harness(broken)?)).or_harness(broken)?
            }
            Event::Empty(tag) => {
                writer.write_event(Event::Empty(timed(tag).or_harness(broken)?)).or_harness(broken)?
            }
            event => writer.write_event(event).or_harness(broken)?,
        }
    }
    let mut text = String::from_utf8(writer.into_inner()).or_harness(broken)?;
    text.push('\n');
    Ok(text)
}

/// The crate prints seconds as a float (`2.7039999999999997`); the schema allows three decimals.
fn timed(tag: BytesStart<'_>) -> Result<BytesStart<'static>, quick_xml::Error> {
    let mut timed = BytesStart::new(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
    for attribute in tag.attributes() {
        let attribute = attribute?;
        let seconds = std::str::from_utf8(&attribute.value).ok().and_then(|value| value.parse::<f64>().ok());
        match seconds.filter(|_| attribute.key.as_ref() == b"time") {
            Some(seconds) => timed.push_attribute(("time", format!("{seconds:.3}").as_str())),
            None => timed.push_attribute(attribute),
        }
    }
    Ok(timed)
}

fn counted<'a, const N: usize>(
    mut tag: BytesStart<'a>,
    texts: [(&str, String); N],
    counts: &[(&str, usize)],
) -> BytesStart<'a> {
    for (name, text) in texts {
        tag.push_attribute((name, text.as_str()));
    }
    for (name, count) in counts {
        tag.push_attribute((*name, count.to_string().as_str()));
    }
    tag
}

fn write_properties(writer: &mut Writer<Vec<u8>>, properties: &[(String, String)]) -> std::io::Result<()> {
    writer.create_element("properties").write_inner_content(|writer| {
        for (name, value) in properties {
            let attributes = [("name", name.as_str()), ("value", value.as_str())];
            writer.create_element("property").with_attributes(attributes).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}
