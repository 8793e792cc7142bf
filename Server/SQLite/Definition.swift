/// A migration's statement as SQLite wants it: `CREATE TABLE` gets SQLite's type names and `STRICT`, so that a column
/// holds what it is declared to hold, as it does in PostgreSQL. `ALTER TABLE` gets the type names, other statements stay as
/// they are.
///
/// - Parameter statement: in the shared dialect (BIGINT, TEXT, BYTEA). One that ends in `STRICT` already stays so.
func sqliteDefinition(_ statement: String) -> String {
    var words: [String] = []
    var result = ""
    var word = ""
    var quote: Character?
    func endWord() {
        guard !word.isEmpty else { return }
        words.append(word.uppercased())
        switch word.uppercased() {
        case "BIGINT": result += "INTEGER"
        case "BYTEA": result += "BLOB"
        default: result += word
        }
        word = ""
    }
    for character in statement {
        if let open = quote {
            result.append(character)
            if character == open { quote = nil }
        } else if character.isLetter || character.isNumber || character == "_" {
            word.append(character)
        } else {
            endWord()
            result.append(character)
            if character == "'" || character == "\"" { quote = character }
        }
    }
    endWord()
    if words.starts(with: ["ALTER", "TABLE"]) { return result }
    guard words.starts(with: ["CREATE", "TABLE"]) else { return statement }
    while result.last?.isWhitespace == true || result.last == ";" { result.removeLast() }
    return result.hasSuffix(")") ? result + " STRICT" : result
}
