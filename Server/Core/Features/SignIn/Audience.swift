package import GatehouseMessages

/// Another server that a session's tokens are for (`aud`, RFC 7519 §4.1.3).
package struct Audience: Sendable {
    let text: String

    /// - Throws: `Problem.invalidAudience`.
    package init(_ text: String) throws(Problem) {
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            !scalar.properties.isWhitespace && scalar.properties.generalCategory != .control
        }
        guard (1...256).contains(text.unicodeScalars.count), isPlain else { throw .invalidAudience }
        self.text = text
    }
}
