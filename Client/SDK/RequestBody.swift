import Foundation
import GatehouseCryptography

/// What a request carries.
public enum RequestBody: Sendable {
    /// Octets that are in memory.
    case octets([UInt8])
    /// Octets that are read while they are sent.
    case streamed(StreamedBody)

    /// The octets of a file, read while they are sent.
    ///
    /// - Throws: `.invalidArgument` for what is no file that can be read twice.
    public static func file(_ path: String) throws(GatehouseError) -> RequestBody { .streamed(try .file(path)) }
}

/// A body that need not fit into memory.
///
/// Its length, and for a signed request its digest, go out before it. What is not known is found by reading the body once
/// before. A retry reads it again.
public struct StreamedBody: Sendable {
    /// Gives all octets to `take`, from the first one and in order, a piece at a time; `take` waits while enough is on its way.
    /// Ends when `take` throws.
    public typealias Reader = @Sendable (_ take: ([UInt8]) async throws -> Void) async throws -> Void

    /// Octets in all; nil when they have to be counted.
    public let length: Int64?
    /// SHA-256 of the whole, 32 octets; nil when it has to be computed.
    public let sha256: [UInt8]?
    /// Reads the body; called once for each time that it is needed.
    public let read: Reader

    /// A body that a closure reads.
    ///
    /// - Parameters:
    ///   - length: octets in all, when known.
    ///   - sha256: of the whole, when known; with both, the body is read once only.
    ///   - read: gives the same octets at each call.
    public init(length: Int64? = nil, sha256: [UInt8]? = nil, read: @escaping Reader) {
        self.length = length
        self.sha256 = sha256
        self.read = read
    }

    /// A body that is a sequence of pieces.
    ///
    /// - Parameters:
    ///   - length: octets in all, when known.
    ///   - sha256: of the whole, when known; with both, `pieces` is called once only.
    ///   - pieces: makes a sequence of the same octets at each call.
    public init<Pieces: AsyncSequence>(
        length: Int64? = nil, sha256: [UInt8]? = nil, pieces: @escaping @Sendable () async throws -> Pieces
    ) where Pieces.Element == [UInt8], Pieces: SendableMetatype, Pieces.AsyncIterator: SendableMetatype {
        self.init(length: length, sha256: sha256) { take in
            for try await piece in try await pieces() { try await take(piece) }
        }
    }

    /// The octets of a file, which must not change until the request has an answer.
    ///
    /// - Throws: `.invalidArgument` for what is no file that can be read twice.
    public static func file(_ path: String) throws(GatehouseError) -> StreamedBody {
        let attributes = try? FileManager.default.attributesOfItem(
            atPath: URL(filePath: path).resolvingSymlinksInPath().path)
        guard attributes?[.type] as? FileAttributeType == .typeRegular, let size = attributes?[.size] as? Int64,
            FileManager.default.isReadableFile(atPath: path)
        else { throw .invalidArgument("\(path) is no file that can be read.") }
        return StreamedBody(length: size) { take in
            let file = try FileHandle(forReadingFrom: URL(filePath: path))
            defer { try? file.close() }
            while let piece = try file.read(upToCount: Self.pieceSize), !piece.isEmpty { try await take(Array(piece)) }
        }
    }

    /// Octets of a file that are in memory at once.
    private static let pieceSize = 64 * 1024

    /// The same with its length, and with its digest when that is needed.
    func measured(hashing: Bool) async throws(GatehouseError) -> StreamedBody {
        if let sha256, sha256.count != HashAlgorithm.sha256.size {
            throw .invalidArgument("The digest of the body is no SHA-256.")
        }
        if length != nil, sha256 != nil || !hashing { return self }
        let hash = RunningDigest()
        var count: Int64 = 0
        do {
            try await read { piece in
                try Task.checkCancellation()
                hash.add(piece)
                count += Int64(piece.count)
            }
        } catch {
            guard !(error is CancellationError) else { throw .cancelled }
            throw .invalidArgument("The body cannot be read: \(error)")
        }
        if let length, length != count {
            throw .invalidArgument("The body has \(count) octets, not \(length).")
        }
        return StreamedBody(length: count, sha256: sha256 ?? hash.finish(), read: read)
    }
}

extension RequestBody: CustomStringConvertible, CustomReflectable {
    /// Says how much it is, as far as that is known.
    public var description: String {
        switch self {
        case .octets(let octets): "\(octets.count) octets"
        case .streamed(let body): "\(body.length.map { "\($0)" } ?? "some") octets, streamed"
        }
    }

    /// Nothing, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension RequestBody {
    /// - Parameter hashing: whether the digest is needed too.
    func measured(hashing: Bool) async throws(GatehouseError) -> RequestBody {
        switch self {
        case .octets: self
        case .streamed(let body): .streamed(try await body.measured(hashing: hashing))
        }
    }

    /// Of a body that was measured.
    var length: Int64 {
        switch self {
        case .octets(let octets): Int64(octets.count)
        case .streamed(let body): body.length ?? 0
        }
    }

    /// Of a body that was measured and hashed.
    var sha256: [UInt8] {
        switch self {
        case .octets(let octets): Digest.sha256(octets)
        case .streamed(let body): body.sha256 ?? []
        }
    }
}
