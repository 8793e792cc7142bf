import GatehouseJSON
import HTTPTypes

extension Problem {
    package static let mediaType = "application/problem+json"

    /// As RFC 9457 §3 has it. `type` is absent, so it is about:blank and `title` may be ours.
    package func json() -> [UInt8] {
        var writer = JSONWriter(reserving: 128)
        writer.raw("{\"title\":")
        writer.string(title)
        writer.raw(",\"status\":")
        writer.integer(Int64(status.code))
        writer.raw(",\"code\":")
        writer.string(code)
        writer.raw("}")
        return writer.bytes
    }
}
