internal import Yams

/// The values that a caller gives: by flags, by the environment, by a file. Flags win over the environment, it wins
/// over the file.
package struct GivenVariables: Sendable {
    package private(set) var values: [String: String] = [:]

    package init() {}

    /// Reads a YAML mapping of names to texts.
    ///
    /// - Throws: `FileMistakes`, which never show a value.
    package mutating func add(yaml: String, name: String) throws(FileMistakes) {
        let file = YAMLFile(name: name, text: yaml)
        for pair in file.root.flatMap({ file.pairs($0, "the file of variables") }) ?? [] {
            guard VariableName.isWord(pair.key), !CallerVariable.builtIn.contains(pair.key) else {
                file.mistake("`\(pair.key)` cannot be the name of a variable", at: pair.keyNode)
                continue
            }
            guard let value = file.scalar(pair.value, "`\(pair.key)`") else { continue }
            values[pair.key] = value
        }
        guard file.mistakes.isEmpty else { throw FileMistakes(file.mistakes) }
    }

    /// Takes `GATEHOUSE_CONFORMANCE_<NAME>`, the name in lower case.
    package mutating func add(environment: [String: String]) {
        let prefix = "GATEHOUSE_CONFORMANCE_"
        for (name, value) in environment where name.hasPrefix(prefix) {
            let own = name.dropFirst(prefix.count).lowercased()
            if VariableName.isWord(own), !CallerVariable.builtIn.contains(own) { values[own] = value }
        }
    }

    /// Takes `name=value`.
    ///
    /// - Returns: false when the text is something else.
    package mutating func add(flag: String) -> Bool {
        guard let equals = flag.firstIndex(of: "=") else { return false }
        let name = String(flag[..<equals])
        guard VariableName.isWord(name), !CallerVariable.builtIn.contains(name) else { return false }
        values[name] = String(flag[flag.index(after: equals)...])
        return true
    }
}
