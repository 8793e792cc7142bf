import CGatehouseQREncode
import CGatehouseZlib

/// A picture that phones read (ISO/IEC 18004), with a medium level of error correction: 15 % of it may be unreadable.
package struct QRCode: Sendable, Equatable {
    /// Modules along each side, without the quiet zone.
    package let size: Int
    /// Row by row, true for a dark one.
    package let modules: [Bool]

    /// Light modules that must stand around it (ISO/IEC 18004 §9.1).
    private static let quietZone = 4

    /// - Throws: `QRCodeError` for a text that is too long (2331 octets) or has a NUL.
    package init(_ text: String) throws(QRCodeError) {
        guard !text.isEmpty, !text.utf8.contains(0),
            let code = unsafe QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M)
        else { throw QRCodeError() }
        defer { unsafe QRcode_free(code) }
        let size = Int(unsafe code.pointee.width)
        self.size = size
        // Bit 0 of each octet is the colour, the others say what the module is for.
        let data = unsafe UnsafeBufferPointer(start: code.pointee.data, count: size * size)
        modules = unsafe data.map { $0 & 1 == 1 }
    }

    private func isDark(_ x: Int, _ y: Int) -> Bool { modules[y * size + x] }

    private var side: Int { size + 2 * Self.quietZone }

    /// A picture of any size, black on white whatever stands around it.
    package func svg() -> String {
        var path = ""
        for y in 0..<size {
            var x = 0
            while x < size {
                guard isDark(x, y) else {
                    x += 1
                    continue
                }
                let start = x
                while x < size, isDark(x, y) { x += 1 }
                path += "M\(start + Self.quietZone) \(y + Self.quietZone)h\(x - start)v1h-\(x - start)z"
            }
        }
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(side) \(side)" shape-rendering="crispEdges" \
            role="img" aria-label="QR code"><path fill="#fff" d="M0 0h\(side)v\(side)H0z"/><path d="\(path)"/></svg>

            """
    }

    /// A picture in PNG (ISO/IEC 15948), one bit a pixel.
    ///
    /// - Parameter scale: pixels along a module.
    package func png(scale: Int = 6) throws(QRCodeError) -> [UInt8] {
        let pixels = side * scale
        let rowSize = (pixels + 7) / 8
        var rows: [UInt8] = []
        rows.reserveCapacity((rowSize + 1) * pixels)
        for y in 0..<side {
            // Filter type 0, then white with the dark pixels taken out.
            var row = [UInt8](repeating: 0xff, count: rowSize + 1)
            row[0] = 0
            let line = y - Self.quietZone
            if (0..<size).contains(line) {
                for x in 0..<size where isDark(x, line) {
                    for pixel in (x + Self.quietZone) * scale..<(x + Self.quietZone + 1) * scale {
                        row[1 + pixel / 8] &= ~(0x80 >> UInt8(pixel % 8))
                    }
                }
            }
            for _ in 0..<scale { rows += row }
        }
        let header = Self.bigEndian(UInt32(pixels)) + Self.bigEndian(UInt32(pixels)) + [1, 0, 0, 0, 0]
        return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] + Self.chunk("IHDR", header)
            + Self.chunk("IDAT", try Self.compressed(rows)) + Self.chunk("IEND", [])
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let content = Array(type.utf8) + data
        let code = unsafe crc32(0, content, uInt(content.count))
        return bigEndian(UInt32(data.count)) + content + bigEndian(UInt32(truncatingIfNeeded: code))
    }

    private static func compressed(_ data: [UInt8]) throws(QRCodeError) -> [UInt8] {
        var size = compressBound(uLong(data.count))
        var result = [UInt8](repeating: 0, count: Int(size))
        guard unsafe compress2(&result, &size, data, uLong(data.count), Z_BEST_COMPRESSION) == Z_OK else {
            throw QRCodeError()
        }
        return Array(result.prefix(Int(size)))
    }

    private static func bigEndian(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}

/// The text fits into no code, or the machine has no memory for one.
package struct QRCodeError: Error, CustomStringConvertible {
    package var description: String { "no QR code can be made of this" }
}
