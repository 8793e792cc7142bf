import Foundation
import GatehouseCryptography
import NIOConcurrencyHelpers
import NIOSSL

/// The TLS certificate and key, read from files again when the operator asks (SIGHUP).
package final class Certificates: Sendable {
    private let certificateFile: String
    private let keyFile: String
    private let current: NIOLockedValueBox<(context: NIOSSLContext, names: CertificateNames)>

    /// - Throws: `UnreadableFile`; `CertificateError` when a file is not PEM, or key and certificate do not belong together.
    package init(certificateFile: String, keyFile: String) throws {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        current = NIOLockedValueBox(try Self.load(certificateFile, keyFile))
    }

    var context: NIOSSLContext { current.withLockedValue { $0.context } }

    /// Whether the certificate names this host, by the rules of RFC 9525.
    package func cover(host: String) -> Bool { current.withLockedValue { $0.names }.cover(host: host) }

    /// Days until the certificate ends; nil when that cannot be read.
    package var daysLeft: Int? { current.withLockedValue { $0.names }.daysLeft }

    /// Connections made from now on get the new certificate; those that are open keep theirs. A broken file changes nothing.
    package func reload() throws {
        let loaded = try Self.load(certificateFile, keyFile)
        current.withLockedValue { $0 = loaded }
    }

    private static func load(_ certificateFile: String, _ keyFile: String) throws -> (
        context: NIOSSLContext, names: CertificateNames
    ) {
        let certificatePEM = try Array(GivenFile.read(certificateFile))
        let keyPEM = try Array(GivenFile.read(keyFile))
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(certificatePEM), let own = certificates.first
        else {
            throw CertificateError.noCertificate(certificateFile)
        }
        let chain = certificates.map { NIOSSLCertificateSource.certificate($0) }
        guard let key = try? NIOSSLPrivateKey(bytes: keyPEM, format: .pem) else {
            throw CertificateError.noKey(keyFile)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            throw CertificateError.mismatch(certificateFile, keyFile)
        }
        return (context, try CertificateNames(der: try own.toDERBytes()))
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
