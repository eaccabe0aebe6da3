//! Where statements of a script begin and end: quotes, dollar quotes, comments, parentheses and `COPY`
//! data (PostgreSQL documentation, 4.1 "Lexical Structure"; strings as with
//! `standard_conforming_strings`, which `pg_dump` sets).

/// What the text that was read last stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Code,
    /// `'…'`, with backslash escapes after `E`.
    Text { escapes: bool },
    /// `"…"`.
    Name,
    /// `$tag$…$tag$`.
    Dollar(Vec<u8>),
    /// To the end of the line.
    LineComment,
    /// Nested as deep as this.
    BlockComment(u32),
    /// Data after `COPY … FROM stdin;`.
    Copy,
}

/// Reads a script piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Lexer {
    state: State,
    in_statement: bool,
    depth: u32,
    /// The byte before, as far as it matters: the last one of a piece.
    last: u8,
    /// A dollar quote's tag that has begun and not ended.
    tag: Option<Vec<u8>>,
    /// How much of a dollar quote's end mark was read.
    matched: usize,
    /// Whether a backslash stands before, in a text with escapes.
    escaped: bool,
}

impl Lexer {
    /// Whether no statement has begun.
    pub fn between_statements(&self) -> bool {
        !self.in_statement && matches!(self.state, State::Code)
    }

    pub(super) fn in_copy(&self) -> bool {
        self.state == State::Copy
    }

    pub(super) fn begin_copy(&mut self) {
        self.reset();
        self.state = State::Copy;
    }

    pub(super) fn end_copy(&mut self) {
        self.reset();
    }

    /// Forgets what was read: a backslash command ended with its line.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Reads a piece that is no `COPY` data.
    pub fn read(&mut self, piece: &[u8]) {
        for &byte in piece {
            self.byte(byte);
            self.last = byte;
        }
        if self.state == State::LineComment && piece.ends_with(b"\n") {
            self.state = State::Code;
        }
    }

    fn byte(&mut self, byte: u8) {
        match &mut self.state {
            State::Code => self.code(byte),
            State::Text { escapes } => {
                if self.escaped {
                    self.escaped = false;
                } else if *escapes && byte == b'\\' {
                    self.escaped = true;
                } else if byte == b'\'' {
                    self.state = State::Code;
                }
            }
            State::Name => {
                if byte == b'"' {
                    self.state = State::Code;
                }
            }
            State::Dollar(tag) => {
                // The mark begins and ends with the only two dollars that are in it.
                self.matched = match (byte == tag[self.matched], byte == b'$') {
                    (true, _) => self.matched + 1,
                    (false, true) => 1,
                    (false, false) => 0,
                };
                if self.matched == tag.len() {
                    self.matched = 0;
                    self.state = State::Code;
                }
            }
            State::LineComment => {
                if byte == b'\n' {
                    self.state = State::Code;
                }
            }
            State::BlockComment(depth) => match (self.last, byte) {
                (b'/', b'*') => *depth += 1,
                (b'*', b'/') => {
                    *depth -= 1;
                    if *depth == 0 {
                        self.state = State::Code;
                    }
                }
                _ => {}
            },
            State::Copy => {}
        }
    }

    fn code(&mut self, byte: u8) {
        if let Some(mut tag) = self.tag.take() {
            if byte == b'$' {
                tag.push(byte);
                self.state = State::Dollar(tag);
                return;
            }
            if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 {
                tag.push(byte);
                self.tag = Some(tag);
                return;
            }
            // It was a parameter or an operator.
        }
        match byte {
            b'-' if self.last == b'-' => {
                self.state = State::LineComment;
                return;
            }
            b'*' if self.last == b'/' => {
                self.state = State::BlockComment(1);
                return;
            }
            // May begin a comment, which is no statement.
            b'-' | b'/' => return,
            byte if byte.is_ascii_whitespace() => return,
            _ => self.in_statement = true,
        }
        match byte {
            b'\'' => self.state = State::Text { escapes: matches!(self.last, b'E' | b'e') },
            b'"' => self.state = State::Name,
            b'$' if !(self.last.is_ascii_alphanumeric() || self.last == b'_') => self.tag = Some(vec![b'$']),
            b'(' => self.depth += 1,
            b')' => self.depth = self.depth.saturating_sub(1),
            b';' if self.depth == 0 => self.in_statement = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many statements a script has, read in pieces of this size.
    fn statements(script: &str, size: usize) -> usize {
        let (mut lexer, mut count) = (Lexer::default(), 0);
        for piece in script.as_bytes().chunks(size) {
            for byte in piece {
                let before = lexer.in_statement;
                lexer.read(&[*byte]);
                count += usize::from(before && lexer.between_statements());
            }
        }
        count
    }

    #[test]
    fn statements_end_at_their_own_semicolon_only() {
        for (script, expected) in [
            ("SELECT 1; SELECT 2;", 2),
            ("SELECT 'a;b'; SELECT E'\\';'; SELECT ';;';", 3),
            ("SELECT \"a;b\" FROM t;", 1),
            ("-- a; b\nSELECT 1; /* ; /* ; */ ; */ SELECT 2;", 2),
            ("CREATE FUNCTION f() AS $$ BEGIN; END; $$; SELECT 1;", 2),
            ("CREATE FUNCTION f() AS $b$ $$;$$ $x$;$ $b$; SELECT 1;", 2),
            ("SELECT $1; SELECT a$b; SELECT 2;", 3),
            ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3;", 2),
            ("SELECT 1 - -2; SELECT 4 / 2;", 2),
            ("SELECT 'open;", 0),
        ] {
            for size in [1, 3, 1000] {
                assert_eq!(statements(script, size), expected, "{script}");
            }
        }
    }

    #[test]
    fn comments_and_blanks_begin_no_statement() {
        let mut lexer = Lexer::default();
        lexer.read(b"-- x; y\n\n/* a\n");
        assert!(!lexer.between_statements(), "in a comment");
        lexer.read(b" b */\n");
        assert!(lexer.between_statements());
        lexer.read(b"SELECT\n");
        assert!(!lexer.between_statements());
    }
}
