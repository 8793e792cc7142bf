import Foundation
import GatehouseCryptography
import NIOConcurrencyHelpers
import NIOSSL

/// The TLS certificates with their keys, read from files again when the operator asks (SIGHUP).
package final class Certificates: Sendable {
    /// Where one lies: the chain and its key, both PEM.
    package struct Files: Sendable {
        package let chain: String
        package let key: String
    }

    /// One of them as it was read. A context of its own keeps the sessions of one from being taken up under another.
    struct Certificate: Sendable {
        let context: NIOSSLContext
        let names: CertificateNames
    }

    private let files: [Files]
    private let current: NIOLockedValueBox<[Certificate]>

    /// - Parameter files: one pair or more. The first answers clients that name no host, or one that no certificate names.
    /// - Throws: `UnreadableFile`; `CertificateError` when a file is not PEM, or key and certificate do not belong together.
    package init(_ files: [Files]) throws {
        precondition(!files.isEmpty)
        self.files = files
        current = NIOLockedValueBox(try files.map(Self.load))
    }

    /// The one for a connection: the first that names the host.
    ///
    /// - Parameter serverName: what the client asks for (RFC 6066 §3); nil when it does not say.
    func certificate(for serverName: String?) -> Certificate {
        let all = current.withLockedValue { $0 }
        return serverName.flatMap { name in all.first { $0.names.cover(host: name) } } ?? all[0]
    }

    /// Whether one of them names this host, by the rules of RFC 9525.
    package func cover(host: String) -> Bool {
        current.withLockedValue { $0 }.contains { $0.names.cover(host: host) }
    }

    /// Days until each ends, in the order of the files; nil when that cannot be read.
    package var daysLeft: [(file: String, days: Int?)] {
        zip(files, current.withLockedValue { $0 }).map { ($0.chain, $1.names.daysLeft) }
    }

    /// Connections made from now on get the new certificates; those that are open keep theirs. A broken file changes nothing.
    package func reload() throws {
        let loaded = try files.map(Self.load)
        current.withLockedValue { $0 = loaded }
    }

    private static func load(_ files: Files) throws -> Certificate {
        let certificatePEM = try Array(GivenFile.read(files.chain))
        let keyPEM = try Array(GivenFile.read(files.key))
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(certificatePEM), let own = certificates.first
        else {
            throw CertificateError.noCertificate(files.chain)
        }
        let chain = certificates.map { NIOSSLCertificateSource.certificate($0) }
        guard let key = try? NIOSSLPrivateKey(bytes: keyPEM, format: .pem) else {
            throw CertificateError.noKey(files.key)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            throw CertificateError.mismatch(files.chain, files.key)
        }
        return Certificate(context: context, names: try CertificateNames(der: try own.toDERBytes()))
    }
}

extension Settings {
    /// The certificates that the settings name; nil without any.
    ///
    /// - Throws: as `Certificates.init`.
    package func certificates() throws -> Certificates? {
        guard !tlsCertificates.isEmpty else { return nil }
        // Equally many, or the settings are refused.
        return try Certificates(zip(tlsCertificates, tlsKeys).map { Certificates.Files(chain: $0, key: $1) })
    }
}

/// Why TLS cannot be offered, in a sentence that names the file.
enum CertificateError: Error, CustomStringConvertible {
    case noCertificate(String)
    case noKey(String)
    case mismatch(String, String)

    var description: String {
        switch self {
        case .noCertificate(let file): "The file \(file) does not hold a certificate in PEM."
        case .noKey(let file): "The file \(file) does not hold a private key in PEM without a pass phrase."
        case .mismatch(let certificate, let key):
            "The certificate in \(certificate) and the key in \(key) cannot be used together."
        }
    }
}
