import Foundation
import GatehouseCryptography

/// The file that an import reads, once from its beginning and then again wherever a document stands.
package final class ImportSource: Sendable {
    private let descriptor: Int32
    private let path: String
    /// Octets.
    package let size: Int64

    /// - Parameter path: `-` for standard input. What cannot be read twice, such as a pipe, is copied first, into a file without a
    ///   name that is gone with this process.
    /// - Throws: `UnreadableFile`.
    package init(_ path: String) throws(UnreadableFile) {
        self.path = path == "-" ? "on standard input" : path
        var given = STDIN_FILENO
        if path != "-" {
            given = unsafe open(path, O_RDONLY | O_CLOEXEC)
            guard given >= 0 else { throw UnreadableFile(path: path, code: errno) }
        }
        // A pipe has no places. Of standard input somebody may have read a part.
        if lseek(given, 0, SEEK_CUR) == 0, case let end = lseek(given, 0, SEEK_END), end >= 0 {
            descriptor = given
            size = Int64(end)
        } else {
            (descriptor, size) = try Self.copy(given, of: self.path)
            if path != "-" { close(given) }
        }
    }

    deinit { close(descriptor) }

    /// Up to so many octets from a place on; fewer only at the end of the file.
    ///
    /// - Throws: `UnreadableFile`.
    func read(at offset: Int64, count: Int) throws(UnreadableFile) -> [UInt8] {
        var failure: Int32 = 0
        let octets = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let some = unsafe pread(
                    descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset) + off_t(filled))
                if some < 0 && errno == EINTR { continue }
                if some < 0 { failure = errno }
                guard some > 0 else { return }
                filled += some
            }
        }
        guard failure == 0 else { throw UnreadableFile(path: path, code: failure) }
        return octets
    }

    /// SHA-256 of the whole file.
    ///
    /// - Throws: `UnreadableFile`.
    package func digest() throws(UnreadableFile) -> [UInt8] {
        let digest = RunningDigest()
        var offset: Int64 = 0
        while true {
            let octets = try read(at: offset, count: 1 << 20)
            guard !octets.isEmpty else { return digest.finish() }
            digest.add(octets)
            offset += Int64(octets.count)
        }
    }

    /// Writes the file into another, which must not be there and which only its owner can read.
    ///
    /// - Throws: `UnreadableFile`.
    package func copy(to path: String) throws(UnreadableFile) {
        let copy = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard copy >= 0 else { throw UnreadableFile(path: path, code: errno) }
        defer { close(copy) }
        var offset: Int64 = 0
        while case let octets = try read(at: offset, count: 1 << 20), !octets.isEmpty {
            var written = 0
            while written < octets.count {
                let count = unsafe octets[written...].withUnsafeBytes {
                    unsafe write(copy, $0.baseAddress, $0.count)
                }
                guard count >= 0 || errno == EINTR else { throw UnreadableFile(path: path, code: errno) }
                written += max(0, count)
            }
            offset += Int64(octets.count)
        }
    }

    private static func copy(_ given: Int32, of path: String) throws(UnreadableFile) -> (Int32, Int64) {
        let folder = FileManager.default.temporaryDirectory.path(percentEncoded: false)
        var template = Array("\(folder)/gatehouse-import-XXXXXX".utf8CString)
        let copy = unsafe mkstemp(&template)
        guard copy >= 0 else { throw UnreadableFile(path: path, code: errno) }
        unsafe unlink(template)
        var size: Int64 = 0
        var octets = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let some = unsafe Foundation.read(given, &octets, octets.count)
            if some < 0 && errno == EINTR { continue }
            guard some != 0 else { return (copy, size) }
            var failure: Int32? = some < 0 ? errno : nil
            var written = 0
            while failure == nil && written < some {
                let count = unsafe octets[written..<some].withUnsafeBytes {
                    unsafe write(copy, $0.baseAddress, $0.count)
                }
                if count < 0 && errno != EINTR { failure = errno }
                written += max(0, count)
            }
            if let failure {
                close(copy)
                throw UnreadableFile(path: path, code: failure)
            }
            size += Int64(some)
        }
    }
}
