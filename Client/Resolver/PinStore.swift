import GatehouseClient
import GatehouseJSON
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where a resolver keeps which hosts have answered for which domain. Bring your own for a database.
public protocol PinStore: Sendable {
    /// The host names that are pinned, in lower case; nil for a domain that was never looked up.
    func hosts(of domain: String) async throws(PinStoreError) -> Set<String>?

    /// Pins `hosts` to a domain, in place of `old` (nil for none).
    ///
    /// - Returns: false, and nothing has changed, when something else than `old` is pinned.
    func pin(_ hosts: Set<String>, to domain: String, insteadOf old: Set<String>?) async throws(PinStoreError) -> Bool
}

/// Why a store did not do what it was asked to, in a sentence.
public struct PinStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// For people.
    public let description: String

    /// As a store of one's own words it.
    public init(_ description: String) { self.description = description }
}

/// Keeps the hosts as long as the process runs.
public final class MemoryPinStore: PinStore {
    private let kept = Mutex<[String: Set<String>]>([:])

    /// An empty store.
    public init() {}

    /// What is pinned.
    public func hosts(of domain: String) -> Set<String>? { kept.withLock { $0[domain] } }

    /// Pins hosts to a domain.
    public func pin(_ hosts: Set<String>, to domain: String, insteadOf old: Set<String>?) -> Bool {
        kept.withLock { kept in
            guard kept[domain] == old else { return false }
            kept[domain] = hosts
            return true
        }
    }
}

/// Keeps the hosts in a file that only its owner may read: it tells whom one pays to. Any number of processes may share it.
///
/// It is an object of JSON, `{"example.com":["cap.example.com"]}`. Beside `path` there is `path.lock`, which stays.
public struct FilePinStore: PinStore {
    /// Where the hosts are.
    public let path: String

    /// Enough for tens of thousands of domains.
    private static let maximumSize = 4 * 1024 * 1024
    /// For another process that writes: it takes milliseconds.
    private static let patience: Duration = .seconds(10)

    /// - Parameter path: need not exist yet; its folder must.
    public init(path: String) { self.path = path }

    /// What is pinned.
    public func hosts(of domain: String) throws(PinStoreError) -> Set<String>? { try load()[domain] }

    /// Pins hosts to a domain, through a file beside this one that is renamed when it is whole and on the disk.
    public func pin(
        _ hosts: Set<String>, to domain: String, insteadOf old: Set<String>?
    ) async throws(PinStoreError) -> Bool {
        do throws(CredentialStoreError) {
            guard let file = try OpenFile(path + ".lock", O_RDWR | O_CREAT | O_NOFOLLOW) else { throw noFolder }
            let end = ContinuousClock.now + Self.patience
            while try !file.lock() {
                guard ContinuousClock.now < end, !Task.isCancelled else {
                    throw .busy("Another process has been at work on \(path) for more than \(Self.patience).")
                }
                try? await Task.sleep(for: .milliseconds(20))
            }
            defer { file.unlock() }
            return try replace(hosts, domain, old)
        } catch { throw PinStoreError(error.description) }
    }

    private func replace(
        _ hosts: Set<String>, _ domain: String, _ old: Set<String>?
    ) throws(CredentialStoreError) -> Bool {
        var kept: [String: Set<String>]
        do throws(PinStoreError) { kept = try load() } catch { throw .failed(error.description) }
        guard kept[domain] == old else { return false }
        kept[domain] = hosts
        let members = kept.sorted { $0.key < $1.key }.map { domain, hosts in
            JSONValue.Member(name: domain, value: .array(hosts.sorted().map { .string($0) }))
        }
        let octets = JSONValue.object(members).bytes()
        guard octets.count <= Self.maximumSize else { throw .failed("\(path) is full: remove it, or use another one.") }
        // Only who holds the lock writes, so what is there was left by somebody who died.
        let draft = path + ".new"
        try OpenFile.delete(draft)
        guard let file = try OpenFile(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW) else { throw noFolder }
        try file.write(octets)
        try file.synchronize()
        try OpenFile.rename(draft, to: path)
        try OpenFile.synchronizeFolder(of: path)
        return true
    }

    private func load() throws(PinStoreError) -> [String: Set<String>] {
        let octets: [UInt8]
        do throws(CredentialStoreError) {
            guard let file = try OpenFile(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW) else { return [:] }
            let status = try file.status()
            guard status.st_mode & S_IFMT == S_IFREG else { throw .failed("\(path) is no file.") }
            guard status.st_uid == geteuid() else { throw .exposed("\(path) belongs to somebody else.") }
            guard status.st_mode & 0o077 == 0 else {
                throw .exposed("Others may read or write \(path). Mend it with: chmod 600 '\(path)'")
            }
            octets = try file.read(atMost: Self.maximumSize + 1)
        } catch { throw PinStoreError(error.description) }
        guard !octets.isEmpty else { return [:] }
        let damaged = PinStoreError("\(path) cannot be read as pinned hosts. Mend it, or remove it to trust anew.")
        guard octets.count <= Self.maximumSize, let members = (try? JSONValue(parsing: octets))?.object else {
            throw damaged
        }
        var kept: [String: Set<String>] = [:]
        for member in members {
            guard let hosts = member.value.array?.map(\.string), !hosts.contains(nil) else { throw damaged }
            kept[member.name] = Set(hosts.compactMap(\.self))
        }
        return kept
    }

    private var noFolder: CredentialStoreError { .failed("The folder of \(path) does not exist.") }
}
