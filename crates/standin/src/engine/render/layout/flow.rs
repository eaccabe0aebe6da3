//! Each kind of block to slices, with its box: margin, border, padding, background.

use super::{Layouter, Mark, Slice, Sort, TextStyle, change, fill, paginate::paginate, shift};
use crate::engine::render::{
    RenderError,
    definition::{DashStyle, Divider, Image, Variant},
    expand::{Block, Body},
    style::{Colour, Length, Style},
};

/// Margins, borders and paddings of a block in points, in CSS order.
struct Edges {
    margin: [f32; 4],
    border: [f32; 4],
    padding: [f32; 4],
}

impl Layouter<'_> {
    pub(super) fn block(
        &self,
        block: &Block<'_>,
        width: f32,
        parent: &TextStyle,
    ) -> Result<Vec<Slice>, RenderError> {
        let text_style = text_style_of(block, parent);
        let edges = edges_of(block, width, &text_style);
        let style = block.style;
        let room = (width - edges.margin[1] - edges.margin[3]).max(1.0);
        let given = |length: Option<Length>| length.and_then(|length| length.points(width, text_style.size));
        let mut outer = match &block.body {
            // An image's width is that of the image, not of its box.
            Body::Image { .. } => room,
            _ => given(style.width).unwrap_or(room).clamp(1.0, room),
        };
        outer = outer.min(given(style.max_width).unwrap_or(outer)).max(1.0);
        let sides = |of: &[f32; 4]| of[1] + of[3];
        let inner = (outer - sides(&edges.border) - sides(&edges.padding)).max(1.0);
        let mut slices = self.content(block, inner, &text_style)?;
        if !matches!(block.body, Body::Image { .. }) {
            let least = given(style.min_height).into_iter().chain(given(style.height)).fold(0.0, f32::max);
            let has: f32 = slices.iter().map(|slice| slice.height).sum();
            if least > has {
                slices.push(Slice::new(least - has, Vec::new()));
            }
        }
        shift(&mut slices, edges.border[3] + edges.padding[3]);
        let mut slices = boxed(slices, style, &edges, outer);
        shift(&mut slices, edges.margin[3] + pushed(style, room - outer));
        if edges.margin[0] > 0.0 {
            slices.insert(0, Slice::gap(edges.margin[0]));
        }
        self.hinted(block, &mut slices);
        if edges.margin[2] > 0.0 {
            slices.push(Slice::gap(edges.margin[2]));
        }
        let hints = block.hints;
        if matches!(hints.break_after.as_deref(), Some("always" | "page" | "left" | "right")) {
            slices.push(Slice::page_break());
        }
        self.count(slices.len(), block.path)?;
        Ok(slices)
    }

    fn hinted(&self, block: &Block<'_>, slices: &mut Vec<Slice>) {
        let hints = block.hints;
        if hints.break_inside.as_deref() == Some("avoid") {
            let last = slices.len().saturating_sub(1);
            slices[..last].iter_mut().for_each(|slice| slice.keep = true);
        }
        let kept = hints.keep_with_next
            || hints.break_after.as_deref() == Some("avoid")
            || matches!(block.body, Body::Heading(..));
        if let Some(slice) = slices.iter_mut().rfind(|slice| kept && slice.sort == Sort::Solid) {
            slice.keep = true;
        }
        if matches!(hints.break_before.as_deref(), Some("always" | "page" | "left" | "right")) {
            slices.insert(0, Slice::page_break());
        }
    }

    fn content(
        &self,
        block: &Block<'_>,
        width: f32,
        text_style: &TextStyle,
    ) -> Result<Vec<Slice>, RenderError> {
        Ok(match &block.body {
            Body::Stack(children) => {
                let mut slices = Vec::new();
                for child in children {
                    slices.append(&mut self.block(child, width, text_style)?);
                }
                slices
            }
            Body::Columns { gap, columns } => self.columns(*gap, columns, width, text_style)?,
            Body::Heading(_, text) | Body::Text(_, text) => {
                self.lines(text, text_style, width, block.path)?
            }
            Body::Image { image, key, .. } => vec![self.image(image, key, block.style, width, text_style)],
            Body::Table(grid) => self.table(grid, width, text_style, block.path)?,
            Body::Spacer(spacer) if spacer.horizontal => Vec::new(),
            Body::Spacer(spacer) => {
                let height = spacer.size.points(width, text_style.size).unwrap_or(0.0);
                vec![Slice::gap(height.max(0.0))]
            }
            Body::Divider(divider) => vec![rule(divider, width, text_style)],
            Body::PageBreak => vec![Slice::page_break()],
        })
    }

    /// Side by side. What is higher than a page continues in the same column of the next one.
    fn columns(
        &self,
        gap: Option<Length>,
        columns: &[(f32, Block<'_>)],
        width: f32,
        text_style: &TextStyle,
    ) -> Result<Vec<Slice>, RenderError> {
        let gap = gap.and_then(|gap| gap.points(width, text_style.size)).unwrap_or(12.0).max(0.0);
        let spans: f32 = columns.iter().map(|(span, _)| span).sum();
        let gaps = gap * columns.len().saturating_sub(1) as f32;
        let mut rows: Vec<Slice> = Vec::new();
        let mut x = 0.0;
        for (span, column) in columns {
            let wide = ((width - gaps) * span / spans).max(1.0);
            let slices = self.block(column, wide, text_style)?;
            for (i, mut sheet) in paginate(slices, self.page_height).into_iter().enumerate() {
                if rows.len() <= i {
                    rows.push(Slice::new(0.0, Vec::new()));
                }
                sheet.marks.iter_mut().for_each(|mark| mark.shift(x, 0.0));
                rows[i].height = rows[i].height.max(sheet.used);
                rows[i].marks.append(&mut sheet.marks);
            }
            x += wide + gap;
        }
        Ok(rows)
    }

    fn image(&self, image: &Image, key: &str, style: &Style, width: f32, text_style: &TextStyle) -> Slice {
        let (wide, high) = self.sizes.get(key).copied().unwrap_or((1, 1));
        let (wide, high) = (wide.max(1) as f32, high.max(1) as f32);
        let points = |length: Option<Length>, whole| {
            length.and_then(|length| length.points(whole, text_style.size)).filter(|points| *points > 0.0)
        };
        let (w, h) = (
            points(image.width.or(style.width), width),
            points(image.height.or(style.height), self.page_height),
        );
        let (mut w, mut h) = match (w, h, image.fit.as_deref()) {
            (Some(w), Some(h), Some("fill")) => (w, h),
            (Some(w), Some(h), _) => {
                let scale = (w / wide).min(h / high);
                (wide * scale, high * scale)
            }
            (Some(w), None, _) => (w, w * high / wide),
            (None, Some(h), _) => (h * wide / high, h),
            (None, None, _) => (wide * 0.75, high * 0.75),
        };
        let shrink = (width / w).min(self.page_height / h).min(1.0);
        (w, h) = (w * shrink, h * shrink);
        let x = text_style.offset((width - w).max(0.0));
        Slice::new(h, vec![Mark::Image { x, y: 0.0, width: w, height: h, key: key.into() }])
    }
}

fn text_style_of(block: &Block<'_>, parent: &TextStyle) -> TextStyle {
    let mut text_style = parent.clone();
    let grey = Colour::rgb(0x6b, 0x74, 0x80);
    match &block.body {
        Body::Heading(level, _) => {
            text_style.size = [24.0, 18.0, 14.0, 12.0, 11.0, 10.0][usize::from(*level).clamp(1, 6) - 1];
            text_style.bold = true;
            text_style.leading = 1.2;
        }
        Body::Text(Variant::Body, _) => {}
        Body::Text(Variant::Caption, _) => {
            (text_style.size, text_style.colour) = (text_style.size * 0.85, grey)
        }
        Body::Text(Variant::Label, _) => (text_style.size, text_style.bold) = (text_style.size * 0.9, true),
        Body::Text(Variant::Overline, _) => {
            (text_style.size, text_style.colour) = (text_style.size * 0.8, grey);
            text_style.transform = crate::engine::render::style::Transform::Uppercase;
        }
        Body::Text(Variant::Footnote, _) => {
            (text_style.size, text_style.colour) = (text_style.size * 0.75, grey)
        }
        Body::Stack(_)
        | Body::Columns { .. }
        | Body::Image { .. }
        | Body::Table(_)
        | Body::Spacer(_)
        | Body::Divider(_)
        | Body::PageBreak => {}
    }
    text_style.with(block.style)
}

fn edges_of(block: &Block<'_>, width: f32, text_style: &TextStyle) -> Edges {
    let default = match &block.body {
        Body::Heading(..) => [4.0, 0.0, 6.0, 0.0],
        Body::Text(..) => [0.0, 0.0, 4.0, 0.0],
        Body::Table(_) => [4.0, 0.0, 10.0, 0.0],
        Body::Divider(_) => [8.0, 0.0, 8.0, 0.0],
        Body::Image { .. } | Body::Columns { .. } => [0.0, 0.0, 6.0, 0.0],
        Body::Stack(_) | Body::Spacer(_) | Body::PageBreak => [0.0; 4],
    };
    let points = |length: Option<Length>| length.and_then(|length| length.points(width, text_style.size));
    let margins = block.style.margins();
    let paddings = block.style.paddings();
    let borders = block.style.borders();
    Edges {
        margin: std::array::from_fn(|i| match margins[i] {
            Some(length) => points(Some(length)).unwrap_or(0.0).max(0.0),
            None => default[i],
        }),
        border: borders.map(|border| border.map_or(0.0, |border| border.width.max(0.0))),
        padding: paddings.map(|padding| points(padding).unwrap_or(0.0).max(0.0)),
    }
}

/// How far automatic margins push a box that leaves `spare` points free.
fn pushed(style: &Style, spare: f32) -> f32 {
    let margins = style.margins();
    match (margins[3], margins[1]) {
        (Some(Length::Auto), Some(Length::Auto)) => spare / 2.0,
        (Some(Length::Auto), _) => spare,
        _ => 0.0,
    }
}

/// Slices with background, border and padding round them.
fn boxed(slices: Vec<Slice>, style: &Style, edges: &Edges, width: f32) -> Vec<Slice> {
    let [top, _, bottom, _] = std::array::from_fn(|i| edges.border[i] + edges.padding[i]);
    let borders = style.borders();
    let bare = style.background_color.is_none() && borders.iter().all(Option::is_none);
    if bare && top == 0.0 && bottom == 0.0 {
        return slices;
    }
    let mut all = Vec::with_capacity(slices.len() + 2);
    if top > 0.0 {
        all.push(Slice { keep: true, ..Slice::new(top, Vec::new()) });
    }
    all.extend(slices);
    if bottom > 0.0 {
        if let Some(last) = all.iter_mut().rfind(|slice| slice.sort == Sort::Solid) {
            last.keep = true;
        }
        all.push(Slice::new(bottom, Vec::new()));
    }
    let colour = |i: usize| borders[i].map(|border| border.colour);
    change(&mut all, |slice| {
        if slice.sort == Sort::Break || bare {
            return;
        }
        // A coloured gap is not swallowed: the box must stay whole.
        slice.sort = Sort::Solid;
        let h = slice.height;
        let right = width - edges.border[1];
        let behind = [
            fill(0.0, 0.0, width, h, style.background_color),
            fill(0.0, 0.0, edges.border[3], h, colour(3)),
            fill(right, 0.0, edges.border[1], h, colour(1)),
        ];
        slice.marks.splice(0..0, behind.into_iter().flatten());
    });
    if let (Some(first), Some(border)) = (all.first_mut().filter(|_| top > 0.0), borders[0]) {
        first.marks.extend(fill(0.0, 0.0, width, border.width, Some(border.colour)));
    }
    if let (Some(last), Some(border)) = (all.last_mut().filter(|_| bottom > 0.0), borders[2]) {
        last.marks.extend(fill(0.0, last.height - border.width, width, border.width, Some(border.colour)));
    }
    all
}

fn rule(divider: &Divider, width: f32, text_style: &TextStyle) -> Slice {
    let thickness =
        divider.thickness.and_then(|length| length.points(width, text_style.size)).unwrap_or(0.75);
    let thickness = thickness.clamp(0.1, 100.0);
    let colour = divider.color.unwrap_or(Colour::rgb(0xc9, 0xcf, 0xd6));
    let mark = match (divider.dash_style.unwrap_or(DashStyle::Solid), colour.rgb) {
        (DashStyle::Solid, _) => fill(0.0, 0.0, width, thickness, Some(colour)),
        (DashStyle::Dashed | DashStyle::Dotted, None) => None,
        (dashes @ (DashStyle::Dashed | DashStyle::Dotted), Some(colour)) => {
            let long = if dashes == DashStyle::Dashed { 4.0 } else { 1.0 } * thickness;
            let dash = [long, 3.0 * thickness];
            Some(Mark::Dashes { x: 0.0, y: thickness / 2.0, width, thickness, dash, colour })
        }
    };
    Slice::new(thickness, mark.into_iter().collect())
}
