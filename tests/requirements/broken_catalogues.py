"""A small catalogue that is right, and the ways to break it."""

from __future__ import annotations

TYPES = "document-types.yaml"
SERVICES = "services.yaml"

SMALL = {
    TYPES: """\
version: 1
sources:
  faq: {url: "https://contoh.example", says: "contoh"}
core_codes: [KTP]
never_shared: [FORM]
short_life: []
existence_sensitive: [KTP]
documents:
- {code: KTP, name_id: "KTP", name_en: "card", issuer: "Disdukcapil", holder: person, number: {label: NIK, pattern: "^[0-9]{16}$"}, validity: {kind: lifetime}, changes_on: [marry], native: card, formats: [jpg], pdp_class: umum, source: [faq], confidence: high}
- {code: IJAZAH, name_id: "Ijazah", name_en: "diploma", issuer: "sekolah", holder: person, levels: [SD, S1], number: {label: "-", pattern: ".+", strict: false}, validity: {kind: months, months: 6}, changes_on: [], native: paper, formats: [pdf], pdp_class: umum, source: [memory], confidence: low}
- {code: FORM, name_id: "Formulir", name_en: "form", issuer: "pemohon", holder: person, number: {label: "-", pattern: ".*", strict: false}, validity: {kind: purpose_window, typical_months: 3}, changes_on: [], native: paper, formats: [pdf], pdp_class: umum, source: [memory], confidence: low}
groups:
- {code: PROOF, name_id: "Bukti", any_of: [KTP, {doc: IJAZAH, levels: [SD]}]}
retention: {umum: 24, spesifik: 12, superseded: 10}
""",
    SERVICES: """\
version: 1
conditions:
  married: "kawin"
statuses:
  ACTIVE: {name_id: "aktif", authority: "BPJS", max_age_days: 1}
agencies:
  POLRI: {name_id: "Polres", level: pusat}
services:
- code: POLRI.UJI
  agency: POLRI
  name_id: "Uji"
  name_en: "Test"
  requirements:
    - {form: FORM}
    - {doc: KTP, subject: applicant, original: shown}
    - {group: PROOF, when: [married]}
    - {any_of: [{doc: KTP}, {status: ACTIVE}], max_age_months: 6}
  output: [KTP]
  fee_idr: 30000
  source: {kind: web, url: "https://contoh.example", confidence: high}
""",
}

# What is replaced, by what, the line that is named (1 = the first) and words of the reason.
BROKEN: list[tuple[str, str, str, int, str]] = [
    # the file as YAML
    (TYPES, "version: 1", "version: [1", 2, "expected ',' or ']'"),
    (TYPES, "version: 1", "version: 1\nversion: 2", 2, "'version' stands twice"),
    (TYPES, "version: 1", "version: 2026-13-45", 1, "not YAML: ValueError"),
    (TYPES, "version: 1", "version: \x07", 1, "not YAML: a control character"),
    (TYPES, "version: 1", "version: !!python/object:os.system 1", 1, "could not determine a constructor"),
    (TYPES, "version: 1", "1: x", 1, "a key must be text"),
    (TYPES, "version: 1", "colour: red", 1, "unknown key 'colour'"),
    (TYPES, "core_codes: [KTP]\n", "", 1, "'core_codes' is missing"),
    (TYPES, "core_codes: [KTP]", "core_codes: KTP", 4, "'core_codes' has the wrong type"),
    (TYPES, "core_codes: [KTP]", "core_codes: [KTP, KTP]", 4, "names something twice"),
    (TYPES, "core_codes: [KTP]", "core_codes: [1]", 4, "must be a list of texts"),
    (TYPES, "core_codes: [KTP]", "core_codes: [SIM]", 4, "core_codes: unknown document type SIM"),
    (TYPES, "never_shared: [FORM]", "never_shared: [LAIN]", 5, "never_shared: unknown document type LAIN"),
    (TYPES, "existence_sensitive: [KTP]", "existence_sensitive: [X]", 7, "existence_sensitive: unknown"),
    # document types
    (TYPES, "code: KTP, name_id", "name_id", 9, "'code' is missing"),
    (TYPES, "code: KTP, name_id", "code: 1, name_id", 9, "'code' has the wrong type"),
    (TYPES, "code: IJAZAH, name_id", "code: KTP, name_id", 10, "KTP stands twice"),
    (TYPES, 'issuer: "Disdukcapil", ', "", 9, "'issuer' is missing"),
    (TYPES, 'issuer: "Disdukcapil"', 'issuer: "a", issuer: "b"', 9, "'issuer' stands twice"),
    (TYPES, 'issuer: "Disdukcapil"', "issuer: [a]", 9, "'issuer' has the wrong type"),
    (TYPES, "native: card", "native: card, colour: red", 9, "unknown key 'colour'"),
    (TYPES, 'issuer: "Disdukcapil", holder: person', 'issuer: "D", holder: dog', 9, "'dog' is not one of"),
    (TYPES, "native: card", "native: stone", 9, "'stone' is not one of app, card, paper, tte_pdf"),
    (TYPES, "formats: [jpg]", "formats: [exe]", 9, "unknown format 'exe'"),
    (TYPES, "formats: [jpg]", "formats: []", 9, "a type without formats"),
    (TYPES, "changes_on: [marry]", "changes_on: [dance]", 9, "unknown event 'dance'"),
    (TYPES, "pdp_class: umum, source: [faq]", "pdp_class: rahasia, source: [faq]", 9, "'rahasia' is not one of"),
    (TYPES, "source: [faq]", "source: [blog]", 9, "unknown source 'blog'"),
    (TYPES, "source: [faq], confidence: high", "source: [faq], confidence: sure", 9, "'sure' is not one of"),
    (TYPES, 'pattern: "^[0-9]{16}$"', 'pattern: "^[0-9"', 9, "not a pattern"),
    (TYPES, '{label: NIK, pattern: "^[0-9]{16}$"}', "NIK", 9, "'number' has the wrong type"),
    (TYPES, "{label: NIK, ", "{", 9, "'label' is missing"),
    (TYPES, "{kind: lifetime}", "{kind: forever}", 9, "'forever' is not one of"),
    (TYPES, "{kind: months, months: 6}", "{kind: months}", 10, "a life in months needs 'months'"),
    (TYPES, "{kind: months, months: 6}", "{kind: months, months: -6}", 10, "'months' is not from 1 to 600"),
    (TYPES, "{kind: months, months: 6}", "{kind: months, months: six}", 10, "'months' has the wrong type"),
    (TYPES, "{kind: months, months: 6}", "{kind: months, months: true}", 10, "'months' has the wrong type"),
    (TYPES, "{kind: months, months: 6}", "{kind: months, months: 601}", 10, "'months' is not from 1 to 600"),
    (TYPES, "typical_months: 3", "typical_months: -3", 11, "'typical_months' is not from 1 to 600"),
    (TYPES, 'name_id: "KTP"', 'name_id: ""', 9, "'name_id' is empty"),
    (TYPES, 'name_id: "KTP"', 'name_id: "a\\tb"', 9, "'name_id' is empty or has control characters"),
    (TYPES, 'name_en: "card"', 'name_en: "  "', 9, "'name_en' is empty"),
    (TYPES, 'issuer: "Disdukcapil"', 'issuer: ""', 9, "'issuer' is empty"),
    (TYPES, "label: NIK", 'label: ""', 9, "'label' is empty"),
    (TYPES, "code: KTP, name_id", "code: 'K T P', name_id", 9, "not a code: 'K T P'"),
    (TYPES, "code: PROOF", "code: proof", 13, "not a code: 'proof'"),
    (TYPES, 'says: "contoh"', 'says: ""', 3, "'says' is empty"),
    # the file: version, lines, depth
    (TYPES, "version: 1", "version: 99", 1, "only version 1 is understood"),
    (TYPES, "version: 1", "version: [x]", 1, "'version' has the wrong type"),
    (TYPES, "version: 1\n", "", 1, "'version' is missing"),
    (SERVICES, "version: 1", "version: 99", 1, "only version 1 is understood"),
    (SERVICES, "version: 1", "version: 1\ngenerated: 2026-11-24", 2, "'generated' has the wrong type"),
    (SERVICES, "  fee_idr: 30000", "  fee_idr: 2026-13-45", 19, "not YAML: ValueError"),
    (SERVICES, "  fee_idr: 30000", "  fee_idr: !!int ''", 19, "not YAML: IndexError"),
    (SERVICES, "  fee_idr: 30000", "  note: '\x07'", 19, "not YAML: a control character"),
    (SERVICES, "{form: FORM}", f"{{any_of: {'[' * 2000}{']' * 2000}}}", 14, "nested more than 30 deep"),
    (SERVICES, "{form: FORM}", "&a {form: FORM}\n    - *a", 15, "an alias"),
    # how long papers are kept (L01, L04)
    (TYPES, "retention: {umum: 24, spesifik: 12, superseded: 10}\n", "", 1, "'retention' is missing"),
    (TYPES, "spesifik: 12, ", "", 14, "'spesifik' is missing"),
    (TYPES, "superseded: 10", "superseded: 10, rahasia: 1", 14, "unknown key 'rahasia'"),
    (TYPES, "umum: 24", "umum: 0", 14, "'umum' is not from 1 to 600"),
    (TYPES, "umum: 24", "umum: two", 14, "'umum' has the wrong type"),
    (TYPES, "spesifik: 12", "spesifik: 24", 14, "specific data are kept shorter"),
    (TYPES, "native: card", "native: card, retention_months: 601", 9, "'retention_months' is not from 1 to 600"),
    (TYPES, "native: card", "native: card, retention_months: long", 9, "'retention_months' has the wrong type"),
    (TYPES, "pdp_class: umum, source: [faq]", "pdp_class: spesifik, retention_months: 24, source: [faq]", 9, "specific data are kept"),
    # groups
    (TYPES, "any_of: [KTP, {", "any_of: [SIM, {", 13, "unknown doc 'SIM'"),
    (TYPES, "any_of: [KTP, {", "any_of: [{group: PROOF}, {", 13, "a member of a group is a document type"),
    (TYPES, "[KTP, {doc: IJAZAH, levels: [SD]}]", "[]", 13, "a group without members"),
    (TYPES, "levels: [SD]}", "levels: [TK]}", 13, "IJAZAH has no such level"),
    (TYPES, "[KTP, {doc: IJAZAH, levels: [SD]}]", "[KTP, KTP]", 13, "'any_of' names something twice"),
    (TYPES, "levels: [SD]}]", "optional: true}]", 13, "unknown key 'optional'"),
    (TYPES, "levels: [SD]}]", "when: [married]}]", 13, "unknown key 'when'"),
    (TYPES, 'name_id: "Bukti"', 'name_id: ""', 13, "'name_id' is empty"),
    # services
    (SERVICES, '  married: "kawin"', '  married: ""', 3, "'married' is empty"),
    (SERVICES, '  married: "kawin"', '  married: "kawin"\n  Old: "x"', 4, "not a code: 'Old'"),
    (SERVICES, "max_age_days: 1", "max_age_days: 0", 5, "'max_age_days' is not from 1 to 366"),
    (SERVICES, "max_age_days: 1", "max_age_days: -3", 5, "'max_age_days' is not from 1 to 366"),
    (SERVICES, 'authority: "BPJS"', 'authority: ""', 5, "'authority' is empty"),
    (SERVICES, "level: pusat", "level: galaksi", 7, "'galaksi' is not one of"),
    (SERVICES, "- code: POLRI.UJI", "- code: POLRI.", 9, "not a code: 'POLRI.'"),
    (SERVICES, 'name_en: "Test"', 'name_en: ""', 12, "'name_en' is empty"),
    (SERVICES, "  fee_idr: 30000", "  fee_idr: -5", 19, "'fee_idr' is not from 0 to"),
    (SERVICES, "  fee_idr: 30000", "  guardian_consent: maybe", 19, "'maybe' is not one of required"),
    (SERVICES, "  fee_idr: 30000", "  consistency: [1, {a: b}]", 19, "must be a list of texts"),
    (SERVICES, "  fee_idr: 30000", "  consistency: ['']", 19, "must be a list of texts"),
    (SERVICES, "  fee_idr: 30000", "  note: ''", 19, "'note' is empty"),
    (SERVICES, "  fee_idr: 30000", "  excludes: [rich]", 19, "unknown condition 'rich'"),
    (SERVICES, "confidence: high}", "also: [1], confidence: high}", 20, "'also' must be a list of texts"),
    (SERVICES, "confidence: high}", "also: x, confidence: high}", 20, "'also' has the wrong type"),
    (SERVICES, 'kind: web, url: "https://contoh.example"', "kind: web, url: 1", 20, "'url' has the wrong type"),
    (SERVICES, '  married: "kawin"', "  married: 1", 3, "'married' has the wrong type"),
    (SERVICES, "max_age_days: 1", "max_age_days: soon", 5, "'max_age_days' has the wrong type"),
    (SERVICES, ", level: pusat", "", 7, "'level' is missing"),
    (SERVICES, "- code: POLRI.UJI\n  agency", "- agency", 9, "'code' is missing"),
    (SERVICES, "  agency: POLRI", "  agency: TNI", 10, "unknown agency TNI"),
    (SERVICES, "- code: POLRI.UJI", "- code: BPJS.UJI", 9, "begins with its agency"),
    (SERVICES, "  fee_idr: 30000", "  fee_idr: free", 19, "'fee_idr' has the wrong type"),
    (SERVICES, "  fee_idr: 30000", "  price: 30000", 19, "unknown key 'price'"),
    (SERVICES, "  output: [KTP]", "  output: [SIM]", 18, "output: unknown document type SIM"),
    (SERVICES, "  output: [KTP]", "  output: KTP", 18, "'output' has the wrong type"),
    (SERVICES, "  output: [KTP]\n", "", 9, "'output' is missing"),
    (SERVICES, "  fee_idr: 30000", "  makes_stale: [X]", 19, "makes_stale: unknown document type X"),
    (SERVICES, "  fee_idr: 30000", "  eligibility: [rich]", 19, "unknown condition 'rich'"),
    (SERVICES, "  fee_idr: 30000", "  applicant: dog", 19, "'dog' is not one of"),
    (SERVICES, "  fee_idr: 30000", "  not_delegable: maybe", 19, "'not_delegable' has the wrong type"),
    (SERVICES, "{kind: web, ", "{kind: rumour, ", 20, "'rumour' is not one of memory, mixed, web"),
    (SERVICES, ", confidence: high}", "}", 20, "'confidence' is missing"),
    # entries of the list
    (SERVICES, "{form: FORM}", "{form: SURAT}", 14, "unknown form 'SURAT'"),
    (SERVICES, "{form: FORM}", "{note: kosong}", 14, "an entry has exactly one head"),
    (SERVICES, "{form: FORM}", "{form: FORM, doc: KTP}", 14, "an entry has exactly one head"),
    (SERVICES, "{form: FORM}", "FORM", 13, "'requirements' must be a list of mappings"),
    (SERVICES, "{form: FORM}", "{form: KTP}", 14, "unknown form 'KTP'"),
    (SERVICES, "{form: FORM}", "{form: FORM, levels: [SD]}", 14, "a form has no 'levels'"),
    (SERVICES, "{form: FORM}", "{form: FORM, must_be_valid: true}", 14, "a form has no 'must_be_valid'"),
    (SERVICES, "{form: FORM}", "{form: FORM, tax_year: current}", 14, "a form has no 'tax_year'"),
    (SERVICES, "{status: ACTIVE}", "{status: ACTIVE, max_age_months: 1}", 17, "a status has no 'max_age_months'"),
    (SERVICES, "{status: ACTIVE}", "{status: ACTIVE, background: red}", 17, "a status has no 'background'"),
    (SERVICES, "{status: ACTIVE}", "{doc: KTP, note: sama}", 17, "'any_of' names something twice"),
    (SERVICES, "max_age_months: 6", "max_age_months: 100000", 17, "'max_age_months' is not from 1 to 600"),
    (SERVICES, "{doc: KTP, subject", "{doc: SIM, subject", 15, "unknown doc 'SIM'"),
    (SERVICES, "{doc: KTP, subject", "{doc: [KTP], subject", 15, "'doc' has the wrong type"),
    (SERVICES, "subject: applicant", "subject: neighbour", 15, "'neighbour' is not one of"),
    (SERVICES, "original: shown", "original: maybe", 15, "'maybe' is not one of shown, submitted"),
    (SERVICES, "original: shown", "colour: red", 15, "unknown key 'colour'"),
    (SERVICES, "original: shown", "background: green", 15, "'green' is not one of blue, red"),
    (SERVICES, "original: shown", "background: red", 15, "KTP has no background"),
    (SERVICES, "original: shown", "levels: [S1]", 15, "KTP has no such level"),
    (SERVICES, "original: shown", "tax_year: last", 15, "'last' is not one of current"),
    (SERVICES, "original: shown", "tax_year: current", 15, "KTP has no tax year"),
    (SERVICES, "original: shown", "must_be_valid: 1", 15, "'must_be_valid' has the wrong type"),
    (SERVICES, "original: shown", "optional: yes please", 15, "'optional' has the wrong type"),
    (SERVICES, "group: PROOF", "group: KTP", 16, "unknown group 'KTP'"),
    (SERVICES, "when: [married]", "when: [rich]", 16, "unknown condition 'rich'"),
    (SERVICES, "when: [married]", "when: married", 16, "'when' has the wrong type"),
    (SERVICES, "when: [married]", "when: [married, married]", 16, "names something twice"),
    (SERVICES, "{status: ACTIVE}", "{status: ASLEEP}", 17, "unknown status 'ASLEEP'"),
    (SERVICES, "[{doc: KTP}, {status: ACTIVE}]", "[]", 17, "'any_of' without members"),
    (SERVICES, "[{doc: KTP}, {status: ACTIVE}]", "[KTP]", 17, "'any_of' must be a list of mappings"),
    (SERVICES, "max_age_months: 6", "max_age_months: 0", 17, "'max_age_months' is not from 1 to 600"),
    (SERVICES, "max_age_months: 6", 'max_age_months: "6"', 17, "'max_age_months' has the wrong type"),
]  # fmt: skip
