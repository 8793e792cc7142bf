#if canImport(Glibc)
package import Glibc
#elseif canImport(Musl)
package import Musl
#else
package import Darwin
#endif

/// One file descriptor, closed once.
package struct OpenFile: ~Copyable {
    private let descriptor: Int32
    private let path: String

    /// Opens it, or makes it for its owner alone; nil when it, or its folder, does not exist.
    package init?(_ path: String, _ flags: Int32) throws(CredentialStoreError) {
        descriptor = unsafe open(path, flags | O_CLOEXEC, 0o600)
        self.path = path
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            if errno == ELOOP { throw .failed("\(path) is a symbolic link: name the file itself.") }
            throw .system("opened", path)
        }
    }

    deinit { close(descriptor) }

    package func status() throws(CredentialStoreError) -> stat {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .system("read", path) }
        return status
    }

    package func read(atMost count: Int) throws(CredentialStoreError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < count {
            let received = unsafe readFrom(descriptor, &buffer, buffer.count)
            if received < 0, errno == EINTR { continue }
            guard received >= 0 else { throw .system("read", path) }
            guard received > 0 else { break }
            bytes += buffer.prefix(received)
        }
        return bytes
    }

    package func write(_ bytes: [UInt8]) throws(CredentialStoreError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = unsafe rest.withUnsafeBytes { unsafe writeTo(descriptor, $0.baseAddress, $0.count) }
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { throw .system("written", path) }
            rest = rest.dropFirst(sent)
        }
    }

    /// Returns when it is on the disk.
    package func synchronize() throws(CredentialStoreError) {
        guard fsync(descriptor) == 0 else { throw .system("written", path) }
    }

    /// Tries to lock the file as a whole; the lock belongs to this descriptor and ends with it, also when the process dies.
    ///
    /// - Returns: false when another descriptor has the lock.
    package func lock() throws(CredentialStoreError) -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK || errno == EINTR else { throw .system("locked", path) }
        return false
    }

    /// Ends the lock, and keeps the file open until here.
    package func unlock() { _ = flock(descriptor, LOCK_UN) }

    /// Deletes a file, if there is one.
    package static func delete(_ path: String) throws(CredentialStoreError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw .system("deleted", path) }
    }

    /// Puts a file in the place of another, at once.
    package static func rename(_ draft: String, to path: String) throws(CredentialStoreError) {
        guard unsafe renameFile(draft, path) == 0 else { throw .system("replaced", path) }
    }

    /// Makes the names of a folder last: a file that was renamed or deleted stays so after a power cut.
    package static func synchronizeFolder(of path: String) throws(CredentialStoreError) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let folder = parts.count == 1 ? "." : parts.dropLast().joined(separator: "/") + "/"
        try OpenFile(folder, O_RDONLY)?.synchronize()
    }
}

extension CredentialStoreError {
    /// The call before this one failed; `errno` says why.
    static func system(_ participle: String, _ path: String) -> CredentialStoreError {
        .failed("\(path) cannot be \(participle): \(unsafe String(cString: strerror(errno))).")
    }
}

// The system's functions under names that no method above hides.

private func readFrom(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    unsafe read(descriptor, buffer, count)
}

private func writeTo(_ descriptor: Int32, _ buffer: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, buffer, count)
}

private func renameFile(_ old: UnsafePointer<CChar>, _ new: UnsafePointer<CChar>) -> Int32 { unsafe rename(old, new) }
