import Foundation
package import GatehouseCryptography
package import GatehouseStorage

/// The key under which secrets in the store are sealed, in a file of its own beside the store.
package struct MasterKey: Sendable {
    package let key: SealingKey
    /// The file that was made just now; nil when it was there.
    package let madeFile: String?

    private static let fact = "master-key-fingerprint"

    /// Reads the key file, or makes one (mode 0600) for a store that has never seen a key.
    ///
    /// - Throws: `MasterKeyError` when the file is unreadable, or not the one that this store was sealed with.
    package static func load(settings: Settings, database: any Database) async throws -> MasterKey {
        let path = settings.masterKeyFile ?? settings.database + ".key"
        let known = try await database.rows("SELECT value FROM store_facts WHERE name = \(fact)").first?.text("value")
        var made: String?
        let bytes: [UInt8]
        if let data = FileManager.default.contents(atPath: path) {
            guard
                let decoded = Base64URL.decode(String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)),
                decoded.count == 32
            else { throw MasterKeyError.unreadable(path) }
            bytes = decoded
        } else {
            guard known == nil else { throw MasterKeyError.missing(path) }
            bytes = SystemRandom.bytes(32)
            try write(Base64URL.encode(bytes) + "\n", to: path)
            made = path
        }
        let key = try SealingKey(bytes)
        let fingerprint = key.fingerprint
        if known == nil {
            _ = try await database.transaction { sql in
                try sql(
                    "INSERT INTO store_facts (name, value) VALUES (\(fact), \(fingerprint)) ON CONFLICT (name) DO NOTHING"
                )
            }
        }
        let kept = try await database.rows("SELECT value FROM store_facts WHERE name = \(fact)").first?.text("value")
        guard kept == fingerprint else { throw MasterKeyError.other(path) }
        return MasterKey(key: key, madeFile: made)
    }

    private static func write(_ text: String, to path: String) throws {
        // `O_EXCL`: two processes that start at once must not overwrite each other's key.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw MasterKeyError.cannotMake(path, unsafe String(cString: strerror(errno))) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: Data(text.utf8))
        try file.synchronize()
    }
}

package enum MasterKeyError: Error, CustomStringConvertible {
    case unreadable(String)
    case missing(String)
    case other(String)
    case cannotMake(String, String)

    package var description: String {
        switch self {
        case .unreadable(let path): "The master key file \(path) does not hold 32 octets in base64url."
        case .missing(let path): "The store was sealed with a master key, but there is no file \(path)."
        case .other(let path): "The master key in \(path) is not the one that this store was sealed with."
        case .cannotMake(let path, let reason): "The master key file \(path) cannot be made: \(reason)."
        }
    }
}
