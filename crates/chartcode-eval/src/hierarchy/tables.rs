//! The chapters of the code systems.
//!
//! Sources: the chapters of ICD-10-CM 2026 (NCHS), ICD-9-CM volumes 1 and 3 (NCHS, CMS 2014),
//! the sections of ICD-10-PCS 2026 and the letters of HCPCS Level II (CMS).

use super::{Chapter, Range};

const fn range(
    number: &'static str,
    first: &'static str,
    last: &'static str,
    title: &'static str,
) -> Range {
    Range { first, last, chapter: Chapter { number, title } }
}

/// ICD-10-CM, by categories.
pub(super) const ICD10CM: [Range; 22] = [
    range("1", "A00", "B99", "Certain infectious and parasitic diseases (A00-B99)"),
    range("2", "C00", "D49", "Neoplasms (C00-D49)"),
    range(
        "3",
        "D50",
        "D89",
        "Diseases of the blood and blood-forming organs and certain disorders involving the immune mechanism (D50-D89)",
    ),
    range("4", "E00", "E89", "Endocrine, nutritional and metabolic diseases (E00-E89)"),
    range("5", "F01", "F99", "Mental, Behavioral and Neurodevelopmental disorders (F01-F99)"),
    range("6", "G00", "G99", "Diseases of the nervous system (G00-G99)"),
    range("7", "H00", "H59", "Diseases of the eye and adnexa (H00-H59)"),
    range("8", "H60", "H95", "Diseases of the ear and mastoid process (H60-H95)"),
    range("9", "I00", "I99", "Diseases of the circulatory system (I00-I99)"),
    range("10", "J00", "J99", "Diseases of the respiratory system (J00-J99)"),
    range("11", "K00", "K95", "Diseases of the digestive system (K00-K95)"),
    range("12", "L00", "L99", "Diseases of the skin and subcutaneous tissue (L00-L99)"),
    range(
        "13",
        "M00",
        "M99",
        "Diseases of the musculoskeletal system and connective tissue (M00-M99)",
    ),
    range("14", "N00", "N99", "Diseases of the genitourinary system (N00-N99)"),
    range("15", "O00", "O9A", "Pregnancy, childbirth and the puerperium (O00-O9A)"),
    range("16", "P00", "P96", "Certain conditions originating in the perinatal period (P00-P96)"),
    range(
        "17",
        "Q00",
        "QA0",
        "Congenital malformations, deformations and chromosomal abnormalities (Q00-QA0)",
    ),
    range(
        "18",
        "R00",
        "R99",
        "Symptoms, signs and abnormal clinical and laboratory findings, not elsewhere classified (R00-R99)",
    ),
    range(
        "19",
        "S00",
        "T88",
        "Injury, poisoning and certain other consequences of external causes (S00-T88)",
    ),
    range("20", "V00", "Y99", "External causes of morbidity (V00-Y99)"),
    range(
        "21",
        "Z00",
        "Z99",
        "Factors influencing health status and contact with health services (Z00-Z99)",
    ),
    range("22", "U00", "U85", "Codes for special purposes (U00-U85)"),
];

/// ICD-9-CM diagnoses, by categories.
pub(super) const ICD9CM: [Range; 19] = [
    range("1", "001", "139", "Infectious and parasitic diseases (001-139)"),
    range("2", "140", "239", "Neoplasms (140-239)"),
    range(
        "3",
        "240",
        "279",
        "Endocrine, nutritional and metabolic diseases, and immunity disorders (240-279)",
    ),
    range("4", "280", "289", "Diseases of the blood and blood-forming organs (280-289)"),
    range("5", "290", "319", "Mental disorders (290-319)"),
    range("6", "320", "389", "Diseases of the nervous system and sense organs (320-389)"),
    range("7", "390", "459", "Diseases of the circulatory system (390-459)"),
    range("8", "460", "519", "Diseases of the respiratory system (460-519)"),
    range("9", "520", "579", "Diseases of the digestive system (520-579)"),
    range("10", "580", "629", "Diseases of the genitourinary system (580-629)"),
    range(
        "11",
        "630",
        "679",
        "Complications of pregnancy, childbirth, and the puerperium (630-679)",
    ),
    range("12", "680", "709", "Diseases of the skin and subcutaneous tissue (680-709)"),
    range(
        "13",
        "710",
        "739",
        "Diseases of the musculoskeletal system and connective tissue (710-739)",
    ),
    range("14", "740", "759", "Congenital anomalies (740-759)"),
    range("15", "760", "779", "Certain conditions originating in the perinatal period (760-779)"),
    range("16", "780", "799", "Symptoms, signs, and ill-defined conditions (780-799)"),
    range("17", "800", "999", "Injury and poisoning (800-999)"),
    range(
        "V",
        "V01",
        "V91",
        "Supplementary classification of factors influencing health status and contact with health services (V01-V91)",
    ),
    range(
        "E",
        "E000",
        "E999",
        "Supplementary classification of external causes of injury and poisoning (E000-E999)",
    ),
];

/// ICD-9-CM procedures, by their first two digits.
pub(super) const ICD9PCS: [Range; 18] = [
    range("0", "00", "00", "Procedures and interventions, not elsewhere classified (00)"),
    range("1", "01", "05", "Operations on the nervous system (01-05)"),
    range("2", "06", "07", "Operations on the endocrine system (06-07)"),
    range("3", "08", "16", "Operations on the eye (08-16)"),
    range("3A", "17", "17", "Other miscellaneous diagnostic and therapeutic procedures (17)"),
    range("4", "18", "20", "Operations on the ear (18-20)"),
    range("5", "21", "29", "Operations on the nose, mouth, and pharynx (21-29)"),
    range("6", "30", "34", "Operations on the respiratory system (30-34)"),
    range("7", "35", "39", "Operations on the cardiovascular system (35-39)"),
    range("8", "40", "41", "Operations on the hemic and lymphatic system (40-41)"),
    range("9", "42", "54", "Operations on the digestive system (42-54)"),
    range("10", "55", "59", "Operations on the urinary system (55-59)"),
    range("11", "60", "64", "Operations on the male genital organs (60-64)"),
    range("12", "65", "71", "Operations on the female genital organs (65-71)"),
    range("13", "72", "75", "Obstetrical procedures (72-75)"),
    range("14", "76", "84", "Operations on the musculoskeletal system (76-84)"),
    range("15", "85", "86", "Operations on the integumentary system (85-86)"),
    range("16", "87", "99", "Miscellaneous diagnostic and therapeutic procedures (87-99)"),
];

/// ICD-10-PCS, by first character.
pub(super) const ICD10PCS: [Range; 17] = [
    range("0", "0", "0", "Medical and Surgical (0)"),
    range("1", "1", "1", "Obstetrics (1)"),
    range("2", "2", "2", "Placement (2)"),
    range("3", "3", "3", "Administration (3)"),
    range("4", "4", "4", "Measurement and Monitoring (4)"),
    range("5", "5", "5", "Extracorporeal or Systemic Assistance and Performance (5)"),
    range("6", "6", "6", "Extracorporeal or Systemic Therapies (6)"),
    range("7", "7", "7", "Osteopathic (7)"),
    range("8", "8", "8", "Other Procedures (8)"),
    range("9", "9", "9", "Chiropractic (9)"),
    range("B", "B", "B", "Imaging (B)"),
    range("C", "C", "C", "Nuclear Medicine (C)"),
    range("D", "D", "D", "Radiation Therapy (D)"),
    range("F", "F", "F", "Physical Rehabilitation and Diagnostic Audiology (F)"),
    range("G", "G", "G", "Mental Health (G)"),
    range("H", "H", "H", "Substance Abuse Treatment (H)"),
    range("X", "X", "X", "New Technology (X)"),
];

/// HCPCS Level II, by first letter.
pub(super) const HCPCS: [Range; 18] = [
    range(
        "A",
        "A",
        "A",
        "Transportation, medical and surgical supplies, administrative and miscellaneous (A)",
    ),
    range("B", "B", "B", "Enteral and parenteral therapy (B)"),
    range("C", "C", "C", "Outpatient prospective payment system (C)"),
    range("D", "D", "D", "Dental procedures (D)"),
    range("E", "E", "E", "Durable medical equipment (E)"),
    range("G", "G", "G", "Procedures and professional services (G)"),
    range("H", "H", "H", "Alcohol and drug abuse treatment services (H)"),
    range("J", "J", "J", "Drugs administered other than by oral method (J)"),
    range("K", "K", "K", "Durable medical equipment, temporary codes (K)"),
    range("L", "L", "L", "Orthotic and prosthetic procedures and devices (L)"),
    range("M", "M", "M", "Other medical services (M)"),
    range("P", "P", "P", "Pathology and laboratory services (P)"),
    range("Q", "Q", "Q", "Temporary codes (Q)"),
    range("R", "R", "R", "Diagnostic radiology services (R)"),
    range("S", "S", "S", "Private payer codes (S)"),
    range("T", "T", "T", "State Medicaid agency codes (T)"),
    range("U", "U", "U", "Coronavirus diagnostic panel (U)"),
    range("V", "V", "V", "Vision, hearing and speech-language pathology services (V)"),
];
