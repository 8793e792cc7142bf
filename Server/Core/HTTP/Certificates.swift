import GatehouseCryptography
import NIOConcurrencyHelpers
import NIOSSL

/// The TLS certificate and key, read from files again when the operator asks (SIGHUP).
package final class Certificates: Sendable {
    private let certificateFile: String
    private let keyFile: String
    private let current: NIOLockedValueBox<(context: NIOSSLContext, names: CertificateNames)>

    /// - Throws: an error of NIOSSL when a file is missing or not PEM, or when key and certificate do not belong together.
    package init(certificateFile: String, keyFile: String) throws {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        current = NIOLockedValueBox(try Self.load(certificateFile, keyFile))
    }

    var context: NIOSSLContext { current.withLockedValue { $0.context } }

    /// Whether the certificate names this host, by the rules of RFC 9525.
    func cover(host: String) -> Bool { current.withLockedValue { $0.names }.cover(host: host) }

    /// Connections made from now on get the new certificate; those that are open keep theirs. A broken file changes nothing.
    package func reload() throws {
        let loaded = try Self.load(certificateFile, keyFile)
        current.withLockedValue { $0 = loaded }
    }

    private static func load(_ certificateFile: String, _ keyFile: String) throws -> (
        context: NIOSSLContext, names: CertificateNames
    ) {
        let certificates = try NIOSSLCertificate.fromPEMFile(certificateFile)
        guard let own = certificates.first else { throw NIOSSLError.failedToLoadCertificate }
        let chain = certificates.map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return (try NIOSSLContext(configuration: configuration), try CertificateNames(der: try own.toDERBytes()))
    }
}
