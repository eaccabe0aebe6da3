//! Drawing in a process of its own: a foreign PDF can ask for more memory than there is, and that ends
//! the process that reads it. The program says which one that is; where nobody said, as in tests of
//! the library, it is this one.

use crate::{
    base::process::{IsolatedOutput, run_isolated},
    report::pages::{
        draw,
        raster::{DrawnPage, DrawnPages, PATIENCE, Placed, Raster, too_long},
    },
};
use std::{path::PathBuf, sync::OnceLock, time::Duration};

/// The program that draws, and its arguments.
static PROGRAM: OnceLock<(PathBuf, &'static [&'static str])> = OnceLock::new();

/// The most bytes of one document's pages: as many of the largest as are drawn.
const MOST: u64 = 64 << 20;

/// Beyond what the other process gives itself.
const MORE: Duration = Duration::from_secs(10);

const DRAWN: u8 = 1;
const NOT_DRAWN: u8 = 0;

/// Draws by this program from now on: it gets a PDF on stdin and writes what [`draw_here`] gives.
pub fn draw_by(program: PathBuf, args: &'static [&'static str]) {
    // Whoever said it first meant the same program.
    let _ = PROGRAM.set((program, args));
}

/// What the program that draws answers.
pub fn draw_here(bytes: Vec<u8>) -> Vec<u8> {
    match draw::pages(bytes) {
        Ok(pages) => packed(&pages),
        Err(why) => [&[NOT_DRAWN], why.as_bytes()].concat(),
    }
}

/// The first pages of a document. An error is a fragment that says what the document does.
pub(super) fn pages(bytes: Vec<u8>) -> Result<DrawnPages, String> {
    let Some((program, args)) = PROGRAM.get() else { return draw::pages(bytes) };
    match run_isolated(program, args, bytes, MOST, PATIENCE + MORE) {
        IsolatedOutput::Said(answer) => unpacked(&answer).unwrap_or_else(|| Err(BREAKS.to_owned())),
        IsolatedOutput::Broke => Err(BREAKS.to_owned()),
        IsolatedOutput::TookTooLong => Err(too_long(PATIENCE)),
    }
}

const BREAKS: &str = "breaks the program that draws";

fn packed(pages: &DrawnPages) -> Vec<u8> {
    let mut bytes = vec![DRAWN];
    bytes.extend((pages.count as u64).to_le_bytes());
    for DrawnPage { raster, placed } in &pages.drawn {
        bytes.extend(raster.width.to_le_bytes());
        bytes.extend(raster.height.to_le_bytes());
        bytes.extend(&raster.rgb);
        bytes.extend(u32::try_from(placed.len()).unwrap_or(u32::MAX).to_le_bytes());
        for Placed { what, x, y } in placed {
            // A glyph's text is a few letters.
            let what = what.as_bytes().get(..usize::from(u8::MAX)).unwrap_or(what.as_bytes());
            bytes.push(u8::try_from(what.len()).unwrap_or(u8::MAX));
            bytes.extend(what);
            bytes.extend(x.to_le_bytes());
            bytes.extend(y.to_le_bytes());
        }
    }
    bytes
}

/// `None` for bytes that nobody packed.
fn unpacked(bytes: &[u8]) -> Option<Result<DrawnPages, String>> {
    let (kind, rest) = bytes.split_first()?;
    if *kind == NOT_DRAWN {
        return Some(Err(String::from_utf8_lossy(rest).into_owned()));
    }
    let (count, mut rest) = rest.split_first_chunk::<8>()?;
    let mut drawn = Vec::new();
    while let Some((sides, after)) = rest.split_first_chunk::<4>() {
        let [w0, w1, h0, h1] = *sides;
        let (width, height) = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
        let (rgb, after) = after.split_at_checked(usize::from(width) * usize::from(height) * 3)?;
        let (number, after) = after.split_first_chunk::<4>()?;
        let mut placed = Vec::new();
        rest = after;
        for _ in 0..u32::from_le_bytes(*number) {
            let (length, after) = rest.split_first()?;
            let (what, after) = after.split_at_checked(usize::from(*length))?;
            let (x, after) = after.split_first_chunk::<4>()?;
            let (y, after) = after.split_first_chunk::<4>()?;
            let what = String::from_utf8_lossy(what).into_owned();
            placed.push(Placed { what, x: f32::from_le_bytes(*x), y: f32::from_le_bytes(*y) });
            rest = after;
        }
        drawn.push(DrawnPage { raster: Raster { width, height, rgb: rgb.to_vec() }, placed });
    }
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    (rest.is_empty() && drawn.len() <= count).then_some(Ok(DrawnPages { drawn, count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_out_as_they_were_packed() {
        let page = |width: u16, height: u16, what: &str| DrawnPage {
            raster: Raster {
                width,
                height,
                rgb: (0..usize::from(width) * usize::from(height) * 3).map(|n| n as u8).collect(),
            },
            placed: vec![Placed { what: what.to_owned(), x: 1.5, y: -2.0 }],
        };
        let pages = DrawnPages { drawn: vec![page(3, 2, "ü"), page(1, 5, "")], count: 7 };
        let bytes = packed(&pages);
        let back = unpacked(&bytes).expect("packed").expect("drawn");
        assert_eq!((back.drawn, back.count), (pages.drawn, 7));
        for short in [0, 5, bytes.len() - 1] {
            assert!(unpacked(&bytes[..short]).is_none());
        }
        assert!(unpacked(&draw_here(b"no PDF".to_vec())).is_some_and(|drawn| drawn.is_err()));
    }
}
