//! Slices onto pages.

use super::{Mark, Slice, Sort};

/// One page: marks relative to its content's top left, and how much of the height they take.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    /// Its content.
    pub(crate) marks: Vec<Mark>,
    /// Points.
    pub(crate) used: f32,
    /// Something solid is on it.
    solid: bool,
}

/// Puts slices on pages `height` points high. At least one page. A slice that is higher than a
/// page gets one to itself and runs out of it.
pub(crate) fn paginate(slices: Vec<Slice>, height: f32) -> Vec<Sheet> {
    let mut pages = Pages { done: Vec::new(), sheet: Sheet::default(), height };
    let mut group = Vec::new();
    for slice in slices {
        match slice.sort {
            Sort::Break => {
                pages.place_group(std::mem::take(&mut group));
                pages.turn();
            }
            // A gap belongs to what it follows, kept together or not.
            Sort::Gap if group.is_empty() => pages.gap(slice.height),
            Sort::Gap | Sort::Solid => {
                let last = slice.sort == Sort::Solid && !slice.keep;
                group.push(slice);
                if last {
                    pages.place_group(std::mem::take(&mut group));
                }
            }
        }
    }
    pages.place_group(group);
    // A break or a gap at the very end makes no page of its own.
    if pages.sheet.solid || pages.done.is_empty() {
        pages.done.push(pages.sheet);
    }
    pages.done
}

struct Pages {
    done: Vec<Sheet>,
    sheet: Sheet,
    height: f32,
}

impl Pages {
    fn turn(&mut self) {
        if self.sheet.solid {
            self.done.push(std::mem::take(&mut self.sheet));
        }
        self.sheet = Sheet::default();
    }

    fn gap(&mut self, height: f32) {
        if self.sheet.solid {
            self.sheet.used += height;
        }
    }

    fn fits(&self, height: f32) -> bool {
        // A hair's breadth for what adding up floats loses.
        self.sheet.used + height <= self.height + 0.01
    }

    fn place_group(&mut self, group: Vec<Slice>) {
        let needed: f32 = group.iter().map(|slice| slice.height).sum();
        if !self.fits(needed) && needed <= self.height {
            self.turn();
        }
        for slice in group {
            self.place(slice);
        }
    }

    fn place(&mut self, slice: Slice) {
        if slice.sort == Sort::Gap {
            return self.gap(slice.height);
        }
        if !self.fits(slice.height) {
            self.turn();
        }
        let header = slice.header.as_ref().filter(|_| !self.sheet.solid);
        for above in header.into_iter().flat_map(|header| header.iter()) {
            self.draw(above.clone());
        }
        self.draw(slice);
    }

    fn draw(&mut self, mut slice: Slice) {
        let top = self.sheet.used;
        slice.marks.iter_mut().for_each(|mark| mark.shift(0.0, top));
        self.sheet.marks.append(&mut slice.marks);
        self.sheet.used += slice.height;
        self.sheet.solid = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    fn rows(count: usize) -> Vec<Slice> {
        (0..count).map(|_| Slice::new(10.0, Vec::new())).collect()
    }

    #[test]
    fn a_page_takes_what_fits() {
        assert_eq!(paginate(rows(10), 100.0).len(), 1);
        assert_eq!(paginate(rows(11), 100.0).len(), 2);
        assert_eq!(paginate(Vec::new(), 100.0).len(), 1);
    }

    #[test]
    fn breaks_turn_the_page_once_and_leave_no_empty_one_at_the_end() {
        let mut slices = rows(2);
        slices.insert(1, Slice::page_break());
        slices.insert(1, Slice::page_break());
        slices.push(Slice::page_break());
        assert_eq!(paginate(slices, 100.0).len(), 2);
    }

    #[test]
    fn what_is_kept_together_moves_to_the_next_page() {
        let mut slices = rows(11);
        slices[9].keep = true;
        let sheets = paginate(slices, 100.0);
        assert_eq!(sheets.iter().map(|sheet| sheet.used).collect::<Vec<_>>(), [90.0, 20.0]);
    }

    #[test]
    fn the_header_comes_again_on_each_page() {
        let header = Rc::new(rows(1));
        let mut slices = rows(20);
        slices[1..].iter_mut().for_each(|slice| slice.header = Some(header.clone()));
        let used: Vec<_> = paginate(slices, 100.0).iter().map(|sheet| sheet.used).collect();
        assert_eq!(used, [100.0, 100.0, 20.0]);
    }

    #[test]
    fn a_slice_higher_than_the_page_ends() {
        let mut slices = rows(1);
        slices.push(Slice::new(1000.0, Vec::new()));
        slices.extend(rows(1));
        assert_eq!(paginate(slices, 100.0).len(), 3);
    }
}
