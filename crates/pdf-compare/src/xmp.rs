//! XMP metadata without what every writing changes: dates, identifiers, producer. All else in it
//! (title, author, rights, conformance) stays. Goes by the usual prefixes; another prefix for the
//! same namespace is not recognised, which errs on the side of a difference.

use quick_xml::{Reader, events::BytesStart, events::Event};

/// Elements and attributes that are taken out.
const IGNORED: [&str; 11] = [
    "dc:date",
    "pdf:Producer",
    "xmp:CreateDate",
    "xmp:CreatorTool",
    "xmp:MetadataDate",
    "xmp:ModifyDate",
    "xmpMM:DocumentID",
    "xmpMM:History",
    "xmpMM:InstanceID",
    "xmpMM:OriginalDocumentID",
    "xmpMM:VersionID",
];

/// A packet in two parts.
#[derive(Default, Debug)]
pub(crate) struct Packet {
    /// What counts, white space between elements and the order of attributes evened out.
    pub(crate) kept: Vec<u8>,
    /// What does not: name and raw value.
    pub(crate) dropped: Vec<(String, String)>,
}

/// Takes a packet apart; `None` if it is no XML.
pub(crate) fn split(bytes: &[u8]) -> Option<Packet> {
    let mut packet = Packet::default();
    let mut reader = Reader::from_reader(bytes);
    let mut inside: Option<(String, usize)> = None;
    loop {
        let event = reader.read_event().ok()?;
        match (&event, &mut inside) {
            (Event::Eof, None) => return Some(packet),
            (Event::Eof, Some(_)) => return None,
            (Event::Start(_), Some((_, depth))) => *depth += 1,
            (Event::End(_), Some((_, depth))) if *depth > 0 => *depth -= 1,
            (Event::End(_), Some(_)) => inside = None,
            (other, Some((name, _))) => {
                let text = String::from_utf8_lossy(other).trim().to_owned();
                if !text.is_empty() {
                    packet.dropped.push((name.clone(), text));
                }
            }
            (Event::Start(element), None) => match ignored(element) {
                Some(name) => inside = Some((name, 0)),
                None => packet.element(b'<', element)?,
            },
            (Event::Empty(element), None) => match ignored(element) {
                Some(name) => packet.dropped.push((name, String::new())),
                None => {
                    packet.element(b'<', element)?;
                    packet.piece(b'>', b"");
                }
            },
            (Event::End(_), None) => packet.piece(b'>', b""),
            (Event::Text(text), None) => {
                if !text.trim_ascii().is_empty() {
                    packet.piece(b't', text.trim_ascii());
                }
            }
            (other, None) => packet.piece(b'o', other.trim_ascii()),
        }
    }
}

fn ignored(element: &BytesStart<'_>) -> Option<String> {
    let name = element.name();
    let name = std::str::from_utf8(name.as_ref()).ok()?;
    IGNORED.contains(&name).then(|| name.to_owned())
}

impl Packet {
    fn piece(&mut self, tag: u8, bytes: &[u8]) {
        self.kept.push(tag);
        self.kept.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.kept.extend_from_slice(bytes);
    }

    fn element(&mut self, tag: u8, element: &BytesStart<'_>) -> Option<()> {
        self.piece(tag, element.name().as_ref());
        let mut attributes = element.attributes().collect::<Result<Vec<_>, _>>().ok()?;
        attributes.sort_by_key(|attribute| attribute.key);
        for attribute in attributes {
            let name = std::str::from_utf8(attribute.key.as_ref()).ok()?;
            if IGNORED.contains(&name) {
                self.dropped.push((name.to_owned(), String::from_utf8_lossy(&attribute.value).into_owned()));
            } else {
                self.piece(b'@', name.as_bytes());
                self.piece(b'=', &attribute.value);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(date: &str, title: &str) -> Packet {
        let xml = format!(
            "<?xpacket begin='' id='W5M0'?>\n<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF><rdf:Description \
             xmp:CreateDate='{date}' pdf:Trapped='False'>\n  <xmp:ModifyDate>{date}</xmp:ModifyDate><dc:title>\
             <rdf:Alt><rdf:li>{title}</rdf:li></rdf:Alt></dc:title><dc:date><rdf:Seq><rdf:li>{date}</rdf:li>\
             </rdf:Seq></dc:date></rdf:Description></rdf:RDF></x:xmpmeta>   <?xpacket end='w'?>"
        );
        split(xml.as_bytes()).unwrap()
    }

    #[test]
    fn dates_go_and_titles_stay() {
        let (one, two) = (packet("2026-01-01", "Invoice"), packet("2026-02-02", "Invoice"));
        assert_eq!(one.kept, two.kept);
        assert_ne!(one.dropped, two.dropped);
        assert_eq!(one.dropped.len(), 3, "{:?}", one.dropped);
        assert_ne!(one.kept, packet("2026-01-01", "Invoices").kept);
    }

    #[test]
    fn what_is_no_xml_is_not_taken_apart() {
        assert!(split(b"<a><b></a>").is_none());
        assert!(split(b"<xmp:ModifyDate>").is_none());
    }
}
