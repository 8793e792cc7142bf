import Foundation

/// The file beside the store that says how far the audit log goes: `COUNT:CODE:PROOF` on one line.
///
/// A cut-off end shows by it. It is written after the events are in the store, so the store may be ahead of it and must
/// never be behind.
struct AuditHeadFile: Sendable {
    let path: String
    let keys: AuditKeys

    enum Content: Equatable {
        case place(AuditPlace)
        case missing
        /// Changed, or made under another master key.
        case notAuthentic
    }

    /// - Throws: `UnreadableFile`.
    func read() throws(UnreadableFile) -> Content {
        let data: Data
        do { data = try GivenFile.read(path) } catch {
            if error.isMissing { return .missing }
            throw error
        }
        let text = String(decoding: data, as: UTF8.self)
        guard text.hasSuffix("\n"), let last = text.lastIndex(of: ":"), let place = AuditPlace(String(text[..<last])),
            keys.isProof(String(text[text.index(after: last)...].dropLast()), of: place, as: .head)
        else { return .notAuthentic }
        return .place(place)
    }

    /// Replaces the file whole: it is on the disk under another name before it gets its own. Hold the lock.
    func write(_ place: AuditPlace) throws(UnwritableFile) {
        let unfinished = path + ".new"
        let descriptor = unsafe open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw UnwritableFile(path: path, code: errno) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try file.write(contentsOf: Data("\(place):\(keys.proof(of: place, as: .head))\n".utf8))
            try file.synchronize()
        } catch {
            throw UnwritableFile(path: path, code: error.systemCode)
        }
        guard unsafe rename(unfinished, path) == 0 else { throw UnwritableFile(path: path, code: errno) }
        let folder = try Folder(of: path)
        defer { folder.close() }
        guard fsync(folder.descriptor) == 0 else { throw UnwritableFile(path: path, code: errno) }
    }

    /// Lets one process at a time compare and write. The lock is on the folder: the file itself is replaced by each writing.
    ///
    /// - Parameter body: waits for nothing but a read of the store, since others wait for it on their threads.
    func locked<T>(_ body: () async throws -> T) async throws -> T {
        let folder = try Folder(of: path)
        defer { folder.close() }
        // Nobody holds it longer than one writing takes.
        guard flock(folder.descriptor, LOCK_EX) == 0 else { throw UnwritableFile(path: path, code: errno) }
        return try await body()
    }

    // MARK: Whether somebody looks after it

    /// Says by the time of the file that a server that seals is running.
    func touch() { _ = unsafe utimensat(AT_FDCWD, path, nil, 0) }

    /// Microseconds since 1970 of the last writing or touch; nil without a file.
    func touchedAt() -> Int64? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let time = attributes?[.modificationDate] as? Date else { return nil }
        return Int64(time.timeIntervalSince1970 * 1_000_000)
    }

    private struct Folder {
        let descriptor: Int32

        init(of path: String) throws(UnwritableFile) {
            let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
            descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw UnwritableFile(path: path, code: errno) }
        }

        func close() { _ = Foundation.close(descriptor) }
    }
}

/// Why a file cannot be written, in a sentence that names it.
package struct UnwritableFile: Error, CustomStringConvertible {
    let path: String
    /// `errno`
    let code: Int32

    package var description: String { "The file \(path) cannot be written: \(unsafe String(cString: strerror(code)))." }
}
