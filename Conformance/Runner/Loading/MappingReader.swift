internal import Yams

/// A mapping with known keys. Every key is asked for once; `finish` reports the ones that nobody asked for.
final class MappingReader {
    let file: YAMLFile
    let node: Node
    /// What the mapping is, for mistakes: "a scenario", "`expect`".
    let what: String
    private var pairs: [(key: String, keyNode: Node, value: Node)]
    private var asked: [String] = []

    init?(_ node: Node, in file: YAMLFile, what: String) {
        guard let pairs = file.pairs(node, what) else { return nil }
        self.file = file
        self.node = node
        self.what = what
        self.pairs = pairs
    }

    /// The value under a key, nil when it is not there.
    func optional(_ key: String) -> Node? {
        asked.append(key)
        guard let index = pairs.firstIndex(where: { $0.key == key }) else { return nil }
        return pairs.remove(at: index).value
    }

    /// The value under a key; a mistake when it is not there.
    func required(_ key: String) -> Node? {
        guard let value = optional(key) else {
            file.mistake("\(what) needs `\(key)`", at: node)
            return nil
        }
        return value
    }

    /// Where a key stands. Ask before its value is taken.
    func keyPosition(_ key: String) -> SourcePosition {
        pairs.first { $0.key == key }.map { file.position(of: $0.keyNode) } ?? file.position(of: node)
    }

    func has(_ key: String) -> Bool { pairs.contains { $0.key == key } }

    /// Reports the keys that are left.
    func finish() {
        for pair in pairs {
            file.mistake(
                "unknown key `\(pair.key)` in \(what); known are \(asked.map { "`\($0)`" }.joined(separator: ", "))",
                at: pair.keyNode)
        }
    }
}
