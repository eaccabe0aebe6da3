//! The catalogue of controls that a drill can support: a summary of each requirement, what the evidence
//! shows about it, and what it does not show. How a run's record answers a control is in
//! `report::controls`.
//!
//! The summaries are short: to cite a control, use the text of its publisher. PCI DSS is not included
//! because it requires no restore test.

use crate::model::check::CheckId;
use std::fmt;

/// The framework of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Framework {
    /// NIST SP 800-53, revision 5.
    Nist80053,
    /// AICPA trust services criteria, availability.
    Soc2,
    /// ISO/IEC 27001:2022, annex A.
    Iso27001,
    /// Regulation (EU) 2022/2554.
    Dora,
    /// Implementing Regulation (EU) 2024/2690, annex.
    Nis2,
    /// 45 CFR part 164, the security rule.
    Hipaa,
}

impl Framework {
    /// All of them, in the order of reports.
    pub const ALL: &[Self] =
        &[Self::Nist80053, Self::Soc2, Self::Iso27001, Self::Dora, Self::Nis2, Self::Hipaa];

    /// Its full name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Nist80053 => "NIST SP 800-53 Rev. 5",
            Self::Soc2 => "SOC 2 (trust services criteria, availability)",
            Self::Iso27001 => "ISO/IEC 27001:2022, annex A",
            Self::Dora => "DORA, Regulation (EU) 2022/2554",
            Self::Nis2 => "NIS2, Implementing Regulation (EU) 2024/2690, annex",
            Self::Hipaa => "HIPAA security rule, 45 CFR 164",
        }
    }

    /// The prefix of its controls' ids.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Nist80053 => "NIST",
            Self::Soc2 => "SOC 2",
            Self::Iso27001 => "ISO",
            Self::Dora => "DORA",
            Self::Nis2 => "NIS2",
            Self::Hipaa => "HIPAA",
        }
    }
}

// One control: its variant, id (as in scenario files), framework, the checks that must each have checked
// something, its requirement, what the evidence shows, what it does not show.
macro_rules! controls {
    ($($variant:ident $id:literal $framework:ident [$($check:ident),*] $asks:literal $shows:literal $not:literal),* $(,)?) => {
        /// A control that a scenario can support.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Control { $(#[doc = $asks] $variant),* }

        impl Control {
            /// All controls, in the order of reports.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its id, as in scenario files: `NIST CP-9(1)`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),* }
            }

            /// Its framework.
            pub fn framework(self) -> Framework {
                match self { $(Self::$variant => Framework::$framework),* }
            }

            /// The checks that the evidence rests on: each must have checked something in at least one
            /// scenario that names the control.
            pub fn rests_on(self) -> &'static [CheckId] {
                match self { $(Self::$variant => &[$(CheckId::$check),*]),* }
            }

            /// A summary of its requirement.
            pub fn asks(self) -> &'static str {
                match self { $(Self::$variant => $asks),* }
            }

            /// What a passed drill shows about it.
            pub fn shows(self) -> &'static str {
                match self { $(Self::$variant => $shows),* }
            }

            /// What a drill does not show about it.
            pub fn does_not_show(self) -> &'static str {
                match self { $(Self::$variant => $not),* }
            }
        }
    };
}

controls! {
    Cp4 "NIST CP-4" Nist80053 [Procedure, Ready]
        "Test the contingency plan at a set frequency, review the results and correct what they show."
        "The restore procedure was carried out step by step on this date; the record names each step, its duration and its errors."
        "How often it is tested, unless runs are kept in a ledger; the parts of the plan that people carry out; whether the results were reviewed.",
    Cp44 "NIST CP-4(4)" Nist80053 [Contents, Reconcile, Render]
        "Include a full recovery of the system to a known state in the test."
        "Database, binaries and engine were destroyed and restored; rows, binaries and renders equal those of the cut point."
        "Recovery of hosts, networks, identities, keys and everything else outside the two stores and the engine.",
    Cp91 "NIST CP-9(1)" Nist80053 [Contents, Reconcile]
        "Test backups for the reliability of their media and the integrity of their contents."
        "The restored data was compared with the cut point by count and digest, and deliberate damage was detected."
        "The media of production: the drill reads backups that it took itself, unless it was given others.",
    Cp92 "NIST CP-9(2)" Nist80053 [Render]
        "Restore chosen functions of the system from a sample of backups, as part of the contingency test."
        "Documents were rendered from the restored stores and equal the known-good ones."
        "Functions other than rendering and the engine's readiness; samples of production's own backups.",
    Cp10 "NIST CP-10" Nist80053 [Procedure, Contents, Ready]
        "Recover to a known state within a time that fits the recovery objectives."
        "The site was recovered to the recorded cut point, and the time from the loss to the first known-good render was measured."
        "The time that production would need: data, machines and people differ. Whether the measured time is short enough, unless a budget was given.",
    Cp102 "NIST CP-10(2)" Nist80053 [Contents, Reconcile]
        "Recover transactions in transaction-based systems."
        "The restored rows are those of one instant, with their binaries."
        "Recovery to a chosen transaction or point in time, unless a scenario includes it; transactions after the cut point are lost.",
    Cp104 "NIST CP-10(4)" Nist80053 [Procedure, Ready]
        "Be able to restore components within a set time, from material that is known and protected."
        "The restore was timed, and the backup's files are named with their digests."
        "How backups are protected while they are stored; whether the time is short enough, unless a budget was given.",
    Soc2A12 "SOC 2 A1.2" Soc2 [Procedure]
        "Design, operate and monitor backup processes and recovery infrastructure."
        "The backup procedure was carried out, and its commands with their exit codes are in the record."
        "That production's backups run and are monitored; environmental protection of any kind.",
    Soc2A13 "SOC 2 A1.3" Soc2 [Procedure, Contents, Reconcile]
        "Test the recovery procedures, and with them the integrity and completeness of backups."
        "The recovery procedure was carried out; integrity and completeness of both stores were checked against the cut point."
        "That the test covers every system in the scope of the report; that it was planned and its results were reviewed.",
    IsoA813 "ISO A.8.13" Iso27001 [Contents, Reconcile]
        "Keep backups of information, software and systems, and test them regularly, according to the backup policy."
        "A backup was taken and restored, and the restored data was checked by count and digest."
        "The policy itself, how long backups are kept and where; regularity, unless runs are kept in a ledger.",
    IsoA530 "ISO A.5.30" Iso27001 [Procedure, Ready]
        "Plan, maintain and test the readiness of information technology against continuity objectives."
        "The recovery time was measured, and compared with its budget if one was given."
        "The analysis that the objectives come from; readiness of anything but the two stores and the engine.",
    Dora116 "DORA 11(6)" Dora [Procedure]
        "Test continuity, response and recovery plans at least yearly and after substantive changes."
        "The date of the test and the versions of every program that took part."
        "That a test followed each substantive change, unless runs are kept in a ledger; communication and crisis plans.",
    Dora121 "DORA 12(1)" Dora [Procedure]
        "Have documented policies for backup, with scope and frequency, and documented methods of recovery."
        "The documented procedure, section by section, was the one that was carried out."
        "The policy, its scope and frequency; whether the documents are approved and kept current.",
    Dora122 "DORA 12(2)" Dora [Procedure, Contents]
        "Have backup systems that can be activated, and test backup and recovery procedures periodically."
        "Backup and recovery were both carried out and checked on this date."
        "Periodicity, unless runs are kept in a ledger; that activating the backups does not impair the security of production.",
    Dora123 "DORA 12(3)" Dora [Contents]
        "Restore on systems that are segregated, physically and logically, from the source."
        "The restore went to a separate database and bucket; the source had been destroyed."
        "Physical segregation: source and target of a drill share a machine unless the record shows otherwise.",
    Dora126 "DORA 12(6)" Dora [Procedure, Ready]
        "Set recovery time and recovery point objectives for each function."
        "The measured recovery time, compared with its budget if one was given."
        "How the objectives were chosen; the recovery point, if it was not measured.",
    Dora127 "DORA 12(7)" Dora [Reconcile, Contents]
        "When recovering, make multiple checks and reconciliations, so that data agrees between systems."
        "Rows and binaries were reconciled both ways by size and SHA-256, and each store was compared with the cut point."
        "Agreement with systems outside the two stores, such as those of customers or other parties.",
    Nis2423 "NIS2 4.2.3" Nis2 [Contents, Reconcile]
        "Check the integrity of backup copies regularly."
        "The copies were restored, and all their contents were compared by digest."
        "Copies that this run did not restore; regularity, unless runs are kept in a ledger.",
    Nis2426 "NIS2 4.2.6" Nis2 [Procedure, Contents, Ready]
        "Test the recovery of copies regularly, document the results, and correct what they show."
        "The recovery was tested, and this record documents its result."
        "Regularity, unless runs are kept in a ledger; corrective action; whether staff know the procedure.",
    HipaaA "HIPAA 164.308(a)(7)(ii)(A)" Hipaa [Contents, Reconcile]
        "Make and keep retrievable exact copies of the protected data."
        "What was retrieved is an exact copy: every row and binary by digest."
        "That production's data is copied; that the data of the drill is comparable.",
    HipaaB "HIPAA 164.308(a)(7)(ii)(B)" Hipaa [Contents, Reconcile, Ready]
        "Have procedures that restore any loss of data."
        "After the loss of a store the documented procedure restored the data."
        "Losses of kinds that the scenarios do not cover.",
    HipaaD "HIPAA 164.308(a)(7)(ii)(D)" Hipaa [Procedure]
        "Test contingency plans periodically and revise them."
        "The test, its date and its result."
        "Periodicity, unless runs are kept in a ledger; that plans are revised.",
}

impl Control {
    /// The control with this id.
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|control| control.id() == id)
    }

    /// The id without its framework: `CP-9(1)`.
    pub fn number(self) -> &'static str {
        self.id().strip_prefix(self.framework().prefix()).unwrap_or(self.id()).trim_start()
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_control_is_complete_and_listed_once() {
        let ids: BTreeSet<&str> = Control::ALL.iter().map(|c| c.id()).collect();
        assert_eq!(ids.len(), Control::ALL.len());
        for control in Control::ALL {
            assert_eq!(Control::of(control.id()), Some(*control));
            assert_ne!(control.number(), control.id(), "{control} begins with its framework");
            assert!(!control.rests_on().is_empty(), "{control}");
            for text in [control.asks(), control.shows(), control.does_not_show()] {
                assert!(text.ends_with('.') && !text.contains('\n'), "{control}: {text}");
            }
            assert!(!control.id().contains("PCI"), "{control}");
        }
        let used: BTreeSet<Framework> = Control::ALL.iter().map(|c| c.framework()).collect();
        assert_eq!(used.into_iter().collect::<Vec<_>>(), Framework::ALL);
    }
}
