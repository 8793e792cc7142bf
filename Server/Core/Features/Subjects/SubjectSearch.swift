import GatehouseStorage

/// Finds text in subjects, literally and whatever its case.
///
/// From three characters on the text may stand anywhere in name, `sssid` or birthday, which an index of trigrams answers;
/// a shorter one stands at their beginning, which the order of their indices answers.
struct SubjectSearch: Sendable {
    static let shortestAnywhere = 3

    /// In canonical form.
    let text: String

    /// - Returns: nil for an empty text, which every subject has.
    init?(_ text: String) {
        guard text.utf8.count <= CanonicalText.maximumLength else {
            // Longer than anything that could be found.
            self.text = "\0"
            return
        }
        let canonical = CanonicalText.untrimmed(text)
        guard !canonical.allSatisfy(\.isWhitespace) else { return nil }
        self.text = canonical.hasControls ? "\0" : canonical
    }

    /// No stored text has a control character, but the search text that holds all three parts does.
    private var findsNothing: Bool { text == "\0" }
    private var isAnywhere: Bool { text.unicodeScalars.count >= Self.shortestAnywhere }

    /// The numbers of the subjects that have the text, from the indices.
    var numbers: Query {
        if findsNothing { return "SELECT number FROM subjects WHERE 1 = 0" }
        return isAnywhere ? withTrigrams : beginning
    }

    /// Whether a row of `subjects` has the text, without asking an index.
    var condition: Query {
        guard isAnywhere else {
            let length = Int64(text.unicodeScalars.count)
            return """
                (substr(sssid_key, 1, \(length)) = \(text) OR substr(name_key, 1, \(length)) = \(text)
                    OR substr(lower(bday), 1, \(length)) = \(text))
                """
        }
        return "(instr(name_key, \(text)) > 0 OR instr(sssid_key, \(text)) > 0 OR instr(lower(bday), \(text)) > 0)"
    }

    /// Whether more subjects than `count` have the text.
    func finds(moreThan count: Int64, in sql: borrowing Transaction) throws -> Bool {
        try sql("SELECT COUNT(*) AS hits FROM (\(numbers) LIMIT \(count + 1))")[0].integer("hits") > count
    }

    /// The numbers of the subjects that begin with the text.
    private var beginning: Query {
        // No text that begins with it comes after this one.
        let end = text + "\u{10FFFF}"
        return """
            SELECT number FROM subjects WHERE sssid_key >= \(text) AND sssid_key < \(end)
            UNION ALL SELECT number FROM subjects WHERE name_key >= \(text) AND name_key < \(end)
            UNION ALL SELECT number FROM subjects WHERE bday >= \(text.uppercased()) AND bday < \(end.uppercased())
            """
    }

    // MARK: The index of trigrams, as SQLite has it (FTS5)

    /// The numbers of the subjects that have the text anywhere.
    private var withTrigrams: Query {
        // A phrase of FTS5: all of it is text, and a quotation mark is written twice.
        let phrase = "\"" + text.replacing("\"", with: "\"\"") + "\""
        return "SELECT rowid FROM subject_search WHERE subject_search MATCH \(phrase)"
    }

    static func text(sssidKey: String, nameKey: String, bday: String) -> String {
        // A line each: no search goes over the end of one.
        "\(sssidKey)\n\(nameKey)\n\(bday.lowercased())"
    }

    static func add(_ number: Int64, _ text: String, in sql: borrowing Transaction) throws {
        try sql("INSERT INTO subject_search (rowid, text) VALUES (\(number), \(text))")
    }

    static func change(_ number: Int64, from old: String, to new: String, in sql: borrowing Transaction) throws {
        guard old != new else { return }
        // The index has no copy of the text, so it must be told what it had.
        try sql("INSERT INTO subject_search (subject_search, rowid, text) VALUES ('delete', \(number), \(old))")
        try add(number, new, in: sql)
    }
}
