//! The report files that every run leaves. How each is rendered is in the module of the format.

/// A report file that every run leaves in its folder. Everything that lists the reports (writing,
/// verification, the documents, the links of the HTML report) takes them from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportFormat {
    /// The folded record as JSON.
    Record,
    /// JUnit XML.
    Junit,
    /// OSCAL Assessment Results.
    Oscal,
    /// PDF/A-2b.
    Pdf,
    /// One self-contained HTML page.
    Html,
}

impl ReportFormat {
    /// All formats in the order in which they are written. HTML comes last: it draws page images of kept
    /// PDFs, and the other reports must exist even if that fails.
    pub const ALL: [Self; 5] = [Self::Record, Self::Junit, Self::Oscal, Self::Pdf, Self::Html];

    /// The file's name in the run's folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Record => "record.json",
            Self::Junit => "junit.xml",
            Self::Oscal => "oscal-assessment-results.json",
            Self::Pdf => "report.pdf",
            Self::Html => "report.html",
        }
    }

    /// The IANA media type of the file.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Record | Self::Oscal => "application/json",
            Self::Junit => "application/xml",
            Self::Pdf => "application/pdf",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// What the file holds and for whom, as a fragment.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Record => "the run folded from its events; every report is made from it",
            Self::Junit => "for CI: an unexpected finding is a failure, a check without a result is an error",
            Self::Oscal => "for audit programs: controls and findings as OSCAL Assessment Results",
            Self::Pdf => "for the auditor's folder: verdict, findings, controls and digests as PDF/A-2b",
            Self::Html => "for people: verdict, reasons, what was not shown and page images in one file",
        }
    }
}
