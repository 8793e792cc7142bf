import GatehouseCryptography
import NIOCore
import NIOSSL
import NIOTLS

/// The certificate of one connection, chosen by the name that its client asks for (RFC 6066 §3) and kept until it ends, whatever
/// is read again meanwhile. Belongs to the connection's event loop.
final class ConnectionCertificate {
    private let certificates: Certificates
    /// Nil until the client has said whom it wants to talk to.
    private var names: CertificateNames?

    init(_ certificates: Certificates) { self.certificates = certificates }

    /// Whether the client has begun a handshake, so that what it sends is protected.
    var isChosen: Bool { names != nil }

    /// Whether this connection's certificate names the host.
    func cover(host: String) -> Bool { names?.cover(host: host) ?? false }

    /// Adds what looks at the first message of the handshake and then puts TLS in its own place.
    func add(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        let chooser = SNIHandler { result in
            pipeline.eventLoop.makeCompletedFuture {
                let certificate = self.certificates.certificate(for: result.name)
                self.names = certificate.names
                let chooser = try pipeline.handler(type: ByteToMessageHandler<SNIHandler>.self)
                try pipeline.addHandler(NIOSSLServerHandler(context: certificate.context), position: .after(chooser))
            }
        }
        try pipeline.addHandler(ByteToMessageHandler(chooser))
    }
}

extension SNIResult {
    /// The name that the client asked for, if it did so in a way that can be read.
    fileprivate var name: String? {
        if case .hostname(let name) = self { name } else { nil }
    }
}
