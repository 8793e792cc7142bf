package import Foundation

/// A small file that the operator names: settings, keys, certificates, passwords.
package enum GivenFile {
    /// The files that are meant are a few kilobytes.
    private static let maximumSize = 1 << 20

    /// The whole file, which may also be a pipe.
    package static func read(_ path: String) throws(UnreadableFile) -> Data {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw UnreadableFile(path: path, code: errno) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            let data = try file.read(upToCount: maximumSize + 1) ?? Data()
            guard data.count <= maximumSize else { throw UnreadableFile(path: path, code: EFBIG) }
            return data
        } catch let error as UnreadableFile {
            throw error
        } catch {
            throw UnreadableFile(path: path, code: error.systemCode)
        }
    }
}

/// Why a file cannot be read, in a sentence that names it.
package struct UnreadableFile: Error, CustomStringConvertible {
    let path: String
    /// `errno`
    let code: Int32

    var isMissing: Bool { code == ENOENT }
    var reason: String { unsafe String(cString: strerror(code)) }
    package var description: String { "The file \(path) cannot be read: \(reason)." }
}

extension Error {
    /// The `errno` that Foundation wraps into an error of its own.
    package var systemCode: Int32 {
        let cause = (self as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? self as NSError
        return cause.domain == NSPOSIXErrorDomain ? Int32(cause.code) : EIO
    }
}
