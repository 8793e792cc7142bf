import Foundation
import GatehouseJSON
import Logging

/// Writes each log entry as one line of JSON to standard error. JSON escapes control characters, so no input can forge a line.
struct LogLines: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    let label: String

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = JSONWriter(reserving: 256)
        line.raw("{\"time\":")
        line.string(Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        line.raw(",\"level\":")
        line.string(event.level.rawValue)
        line.raw(",\"from\":")
        line.string(label)
        line.raw(",\"message\":")
        line.string(event.message.description)
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: {
            $0.key < $1.key
        }) {
            line.raw(",")
            line.string(key)
            line.raw(":")
            line.string("\(value)")
        }
        line.raw("}\n")
        // A log that cannot be written (its disk is full, its reader gone) must not take the server along.
        try? FileHandle.standardError.write(contentsOf: Data(line.bytes))
    }
}
