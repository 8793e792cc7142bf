package import HummingbirdCore
package import Logging
package import NIOCore
package import NIOHTTPTypes
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// The pipeline of one accepted connection: TLS when there is a certificate, the HTTP/1 codec, and our guard between the
/// codec and the framework's request type, which would lose a second `Host` line and the raw target.
package struct ConnectionChannel: HTTPChannelHandler {
    package typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    package let responder: HTTPChannelHandler.Responder
    let doors: Doors
    let limits: ConnectionLimits
    let certificates: Certificates?

    package init(
        responder: @escaping HTTPChannelHandler.Responder, doors: Doors, limits: ConnectionLimits,
        certificates: Certificates?
    ) {
        self.responder = responder
        self.doors = doors
        self.limits = limits
        self.certificates = certificates
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            // Each connection takes a certificate of the moment, so that a reload drops nobody.
            let certificate = certificates.map { ConnectionCertificate($0) }
            try certificate?.add(to: pipeline)
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            // The codec counts the target with the header lines; the guard tells them apart.
            decoderLimits.maxHeaderFieldSize = limits.target + limits.headerSection
            decoderLimits.maxHeaderListSize = limits.target + limits.headerSection
            decoderLimits.maxHeaderFieldCount = limits.headerLines
            let meter = HeadMeter()
            try pipeline.addHandler(meter)
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoderLimits)
            try pipeline.addHandler(
                RequestGuard(
                    doors: doors, limits: limits, meter: meter, certificate: certificate, logger: logger))
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: certificates != nil))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    package func handle(value: Value, logger: Logger) async {
        await handleHTTP(asyncChannel: value, logger: logger)
    }
}
