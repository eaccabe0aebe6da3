//! Drawing instructions spelt one way: numbers, strings and names (ISO 32000-1, 7.2 and 7.3), with one blank
//! between tokens, so that two writers of the same instructions give the same bytes.

/// The instructions of a content stream; `None` if it can't be read to its end.
pub(crate) fn respelt(bytes: &[u8]) -> Option<Vec<u8>> {
    // Strings grow: each byte is spelt with two digits.
    let (mut tokens, mut out) = (Tokens { bytes, at: 0 }, Vec::with_capacity(bytes.len() * 2));
    let mut inline_image = false;
    loop {
        let start = out.len();
        if !tokens.next(&mut out)? {
            break;
        }
        let token = &out[start..];
        let data = inline_image && token == b"ID";
        inline_image = (inline_image || token == b"BI") && !data;
        out.push(b' ');
        if data {
            let image = tokens.inline_image()?;
            out.extend_from_slice(&(image.len() as u64).to_be_bytes());
            out.extend_from_slice(image);
        }
    }
    Some(out)
}

struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

fn is_delimiter(byte: u8) -> bool {
    b"()<>[]{}/%".contains(&byte)
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// Adds the next token in its one spelling; false at the end, `None` where one is broken.
    fn next(&mut self, out: &mut Vec<u8>) -> Option<bool> {
        self.skip_blanks();
        let Some(byte) = self.peek() else { return Some(false) };
        self.at += 1;
        match byte {
            b'(' => self.literal(out)?,
            b'<' if self.peek() == Some(b'<') => {
                self.at += 1;
                out.extend_from_slice(b"<<");
            }
            b'>' if self.peek() == Some(b'>') => {
                self.at += 1;
                out.extend_from_slice(b">>");
            }
            b'<' => self.hexadecimal(out)?,
            b'/' => self.name(out),
            b'[' | b']' | b'{' | b'}' => out.push(byte),
            byte if is_delimiter(byte) => return None,
            _ => {
                self.at -= 1;
                let word = self.word();
                if number(word, out).is_none() {
                    out.extend_from_slice(word);
                }
            }
        }
        Some(true)
    }

    fn word(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(|byte| !is_space(byte) && !is_delimiter(byte)) {
            self.at += 1;
        }
        &self.bytes[start..self.at]
    }

    fn name(&mut self, out: &mut Vec<u8>) {
        let (word, mut at) = (self.word(), 0);
        out.push(b'/');
        while at < word.len() {
            let digits = word.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok());
            let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let (byte, length) = match (word[at], escaped) {
                (b'#', Some(byte)) => (byte, 3),
                (byte, _) => (byte, 1),
            };
            // Spelt out, so that no name looks like two tokens.
            if byte.is_ascii_alphanumeric() {
                out.push(byte);
            } else {
                out.push(b'#');
                spell(byte, out);
            }
            at += length;
        }
    }

    fn literal(&mut self, out: &mut Vec<u8>) -> Option<()> {
        out.push(b'<');
        let mut depth = 1_usize;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'(' => depth += 1,
                b')' if depth == 1 => {
                    out.push(b'>');
                    return Some(());
                }
                b')' => depth -= 1,
                b'\\' => {
                    if let Some(byte) = self.escape()? {
                        spell(byte, out);
                    }
                    continue;
                }
                // A line's end is one character, however it is written.
                b'\r' => {
                    self.at += usize::from(self.peek() == Some(b'\n'));
                    spell(b'\n', out);
                    continue;
                }
                _ => {}
            }
            spell(byte, out);
        }
    }

    /// The byte that an escape stands for; none for the end of a line.
    fn escape(&mut self) -> Option<Option<u8>> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'b' => Some(8),
            b'f' => Some(0x0c),
            b'\n' => None,
            b'\r' => {
                self.at += usize::from(self.peek() == Some(b'\n'));
                None
            }
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                Some(u8::try_from(value & 0xff).ok()?)
            }
            other => Some(other),
        })
    }

    fn hexadecimal(&mut self, out: &mut Vec<u8>) -> Option<()> {
        out.push(b'<');
        let mut odd = false;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'>' => break,
                byte if is_space(byte) => {}
                byte if byte.is_ascii_hexdigit() => {
                    out.push(byte.to_ascii_lowercase());
                    odd = !odd;
                }
                _ => return None,
            }
        }
        // A last digit that is missing is 0.
        out.extend_from_slice(if odd { b"0>" } else { b">" });
        Some(())
    }

    /// The bytes of an inline image, up to the `EI` that a blank precedes and follows.
    fn inline_image(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 1;
        let rest = self.bytes.get(start..)?;
        let ends = |window: &[u8]| is_space(window[0]) && &window[1..] == b"EI";
        let last = rest.get(rest.len().checked_sub(3)?..).filter(|window| ends(window));
        let within = rest.windows(4).position(|window| ends(&window[..3]) && is_space(window[3]));
        let length = within.or_else(|| last.map(|_| rest.len() - 3))?;
        self.at = start + length;
        Some(&rest[..length])
    }
}

/// Adds the two digits of a byte.
fn spell(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Adds a number in its one spelling: `+1.50`, `01.5` and `1.5` are one; `None` for what is none.
fn number(word: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negative, digits) = match word.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', digits) => (false, digits),
        _ => (false, word),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (mut whole, mut fraction) = point.map_or((digits, &[][..]), |at| (&digits[..at], &digits[at + 1..]));
    let mut all = whole.iter().chain(fraction);
    if whole.is_empty() && fraction.is_empty() || !all.all(u8::is_ascii_digit) {
        return None;
    }
    while let [b'0', rest @ ..] = whole {
        whole = rest;
    }
    while let [rest @ .., b'0'] = fraction {
        fraction = rest;
    }
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        out.push(b'-');
    }
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instructions_are_spelt_alike() {
        for (one, other) in [
            ("1.0 +2 -.50 00.5 m", "1 2 -0.5 .5 m % comment"),
            ("(A\\(b\\)\\101\\\n) Tj", "<41 2862 2941> Tj"),
            ("[(a)-20(b)]TJ", "[ (a) -20.0 (b) ] TJ\n"),
            ("/F#31 12 Tf\nq", "/F1 12 Tf q"),
            ("<</MCID 0>>BDC", "<< /MCID 0 >> BDC"),
            ("-0 0 l", "0 0 l"),
            ("(a\r\nb) Tj", "(a\nb) Tj"),
        ] {
            assert_eq!(respelt(one.as_bytes()).unwrap(), respelt(other.as_bytes()).unwrap(), "{one}");
        }
    }

    #[test]
    fn other_instructions_are_not() {
        for (one, other) in [
            ("1 2 m", "12 m"),
            ("(a b) Tj", "(a) (b) Tj"),
            ("/A /B", "/A#20/B"),
            ("1 0 0 RG", "1 0 0 rg"),
            ("1.50 w", "1.05 w"),
            ("(1) Tj", "1 Tj"),
            ("BI /W 1 ID ab  EI Q", "BI /W 1 ID ab EI Q"),
        ] {
            assert_ne!(respelt(one.as_bytes()).unwrap(), respelt(other.as_bytes()).unwrap(), "{one}");
        }
        for broken in ["(open", "<4", "<4g>", "BI ID", ")"] {
            assert_eq!(respelt(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn each_form_has_its_spelling() {
        for (one, spelt) in [
            ("(a(b(c)d)e) Tj", "<6128622863296429 65> Tj "),
            ("(a\\\r\nb) Tj", "<6162> Tj "),
            ("(a\\\rb) Tj", "<6162> Tj "),
            ("(a\\n\\r\\t\\b\\f\\x) Tj", "<610a0d09080c78> Tj "),
            ("(\\7\\0534\\377) Tj", "<072b34ff> Tj "),
            ("<4> <> <12345>", "<40> <> <123450> "),
            (">> ] }", ">> ] } "),
            ("1.2.3 - . 5-5 .x", "1.2.3 - . 5-5 .x "),
            ("-0.50 +7. .25 00", "-0.5 7 0.25 0 "),
        ] {
            let spelt = spelt.replace("<6128622863296429 65>", "<612862286329642965>");
            assert_eq!(String::from_utf8(respelt(one.as_bytes()).unwrap()).unwrap(), spelt, "{one}");
        }
        for broken in [">", "> >", "(a\\", "<1"] {
            assert_eq!(respelt(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn an_inline_image_ends_at_its_mark_only() {
        let of = |text: &str| respelt(text.as_bytes());
        let image = |data: &str, rest: &str| {
            let mut spelt = b"BI ID ".to_vec();
            spelt.extend_from_slice(&(data.len() as u64).to_be_bytes());
            spelt.extend_from_slice(data.as_bytes());
            spelt.extend_from_slice(rest.as_bytes());
            Some(spelt)
        };
        assert_eq!(of("BI ID ab EI Q"), image("ab", "EI Q "));
        assert_eq!(of("BI ID ab EI"), image("ab", "EI "));
        assert_eq!(of("BI ID aEI EIx b EI\nQ"), image("aEI EIx b", "EI Q "));
        assert_eq!(of("BI ID abEI"), None, "no blank before the mark");
        assert_eq!(of("BI ID ab EIx"), None, "nothing ends it");
        // Without `BI`, `ID` is a word like any other.
        assert_eq!(of("ID ab Q"), Some(b"ID ab Q ".to_vec()));
    }
}
