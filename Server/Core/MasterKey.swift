import Foundation
package import GatehouseCryptography
package import GatehouseStorage

/// The key under which secrets in the store are sealed, in a file of its own beside the store.
package struct MasterKey: Sendable {
    package let key: SealingKey
    /// The file that was made just now; nil when it was there.
    package let madeFile: String?

    private static let fact = "master-key-fingerprint"

    /// Whether the store has been used with one.
    package static func isMade(_ database: any Database) async throws -> Bool {
        try await !database.rows("SELECT 1 AS is_there FROM store_facts WHERE name = \(fact)").isEmpty
    }

    /// Reads the key file, or makes one (mode 0600) for a store that has never seen a key. Of several first starts at once
    /// one makes it, and all take the same.
    ///
    /// - Throws: `MasterKeyError` when the file is unreadable, or not the one that this store was sealed with.
    package static func load(settings: Settings, database: any Database) async throws -> MasterKey {
        let path = path(for: settings)
        let known = try await fingerprint(in: database)
        let isFirst = known == nil
        var isMade = false
        var octets = try read(path, isFirst: isFirst)
        if octets == nil {
            guard isFirst else { throw MasterKeyError.missing(path) }
            isMade = try make(path)
            octets = try read(path, isFirst: isFirst)
        }
        guard let octets else { throw MasterKeyError.missing(path) }
        let key = try SealingKey(octets)
        let fingerprint = key.fingerprint
        if isFirst {
            _ = try await database.transaction { sql in
                try sql(
                    "INSERT INTO store_facts (name, value) VALUES (\(fact), \(fingerprint)) ON CONFLICT (name) DO NOTHING"
                )
            }
        }
        guard try await Self.fingerprint(in: database) == fingerprint else { throw MasterKeyError.other(path) }
        return MasterKey(key: key, madeFile: isMade ? path : nil)
    }

    /// That of the key with which a store is sealed; nil when it is with none.
    package static func fingerprint(in database: any Database) async throws -> String? {
        try await database.rows("SELECT value FROM store_facts WHERE name = \(fact)").first?.text("value")
    }

    /// That of the key which the settings name.
    ///
    /// - Throws: `MasterKeyError` when there is none, or it cannot be read.
    package static func fingerprint(ofFileFor settings: Settings) throws -> String {
        let path = path(for: settings)
        guard let octets = try read(path, isFirst: false) else { throw MasterKeyError.missing(path) }
        return try SealingKey(octets).fingerprint
    }

    private static func path(for settings: Settings) -> String {
        settings.masterKeyFile ?? settings.database + ".key"
    }

    // MARK: The file

    /// - Returns: nil when there is no such file.
    private static func read(_ path: String, isFirst: Bool) throws(MasterKeyError) -> [UInt8]? {
        let data: Data
        do { data = try GivenFile.read(path) } catch {
            if error.isMissing { return nil }
            throw .unreadable(path, error.reason)
        }
        let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let octets = Base64URL.decode(text), octets.count == 32 else {
            throw .noKey(path, characters: text.count, isFirst: isFirst)
        }
        return octets
    }

    /// Puts a new key there, unless somebody else was first. The file appears whole: written and on the disk under another
    /// name before it gets its own, so that nobody reads half a key, and no store is sealed with one that a power cut takes.
    ///
    /// - Returns: false when there is a file already.
    private static func make(_ path: String) throws(MasterKeyError) -> Bool {
        let unfinished = "\(path).\(SystemRandom.identifier())"
        let descriptor = unsafe open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .cannotMake(path, reason()) }
        defer { unsafe unlink(unfinished) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data((Base64URL.encode(SystemRandom.bytes(32)) + "\n").utf8))
            try file.synchronize()
        } catch {
            throw .cannotMake(path, reason(error.systemCode))
        }
        // `link` replaces nothing, as `rename` would.
        guard unsafe link(unfinished, path) == 0 else {
            if errno == EEXIST { return false }
            throw .cannotMake(path, reason())
        }
        try synchronizeFolder(of: path)
        return true
    }

    private static func synchronizeFolder(of path: String) throws(MasterKeyError) {
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        let descriptor = unsafe open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotMake(path, reason()) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .cannotMake(path, reason()) }
    }

    private static func reason(_ code: Int32 = errno) -> String { unsafe String(cString: strerror(code)) }
}

/// Why there is no master key. Each says which file, what is wrong with it, and what to do.
package enum MasterKeyError: Error, CustomStringConvertible {
    case unreadable(String, String)
    case noKey(String, characters: Int, isFirst: Bool)
    case missing(String)
    case other(String)
    case cannotMake(String, String)

    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "The master key file \(path) cannot be read: \(reason). Let the user who runs the server read it."
        case .noKey(let path, let characters, let isFirst):
            "The master key file \(path) does not hold 32 octets in base64url (43 characters) but "
                + (characters == 0 ? "nothing. " : "\(characters) characters that are no such key. ")
                + (isFirst
                    ? "Nothing is sealed with it yet: remove the file, and the server makes another."
                    : "Put your copy of the key back.")
        case .missing(let path):
            "The store was sealed with a master key, but there is no file \(path). Put your copy of the key back, or "
                + "say with --master-key-file where it is."
        case .other(let path):
            "The master key in \(path) is not the one that this store was sealed with. Put the right one back, or say "
                + "with --master-key-file where it is."
        case .cannotMake(let path, let reason):
            "The master key file \(path) cannot be made: \(reason). Let the user who runs the server write to its "
                + "folder, or choose another place with --master-key-file."
        }
    }
}
