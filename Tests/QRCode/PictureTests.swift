import Foundation
import GatehouseQRCode
import GatehouseTestSupport
import Testing

@Suite("QR codes")
struct PictureTests {
    @Test(
        "a reader that others wrote reads what was written, from PNG and from SVG", arguments: [1, 25, 340, 900, 2000])
    func isRead(length: Int) throws {
        let text = String((0..<length).map { _ in "abcdefghijklmnopqrstuvwxyz0123456789._-ABC".randomElement() ?? "a" })
        let code = try QRCode(text)
        let folder = try TemporaryFolder()
        let picture = folder.url.appending(path: "code.png")
        try Data(code.png()).write(to: picture)
        #expect(try Self.read(picture) == text + "\n")
        // The same modules in the other form.
        let svg = code.svg()
        let drawn = svg.matches(of: #/h(\d+)v1h-/#).reduce(0) { $0 + (Int($1.1) ?? 0) }
        #expect(drawn == code.modules.count { $0 })
        #expect(svg.contains("viewBox=\"0 0 \(code.size + 8) \(code.size + 8)\""))
    }

    /// What zbarimg (Debian's zbar-tools) sees.
    private static func read(_ picture: URL) throws -> String {
        let (program, output) = (Process(), Pipe())
        program.executableURL = URL(filePath: "/usr/bin/zbarimg")
        program.arguments = ["--quiet", "--raw", picture.path]
        program.standardOutput = output
        try program.begin()
        let text = try output.fileHandleForReading.readToEnd()
        program.waitUntilExit()
        return String(decoding: text ?? Data(), as: UTF8.self)
    }

    @Test("what is too long for a code is refused")
    func tooLong() throws {
        #expect(throws: QRCodeError.self) { try QRCode(String(repeating: "a", count: 2400)) }
        #expect(throws: QRCodeError.self) { try QRCode("") }
        #expect(throws: QRCodeError.self) { try QRCode("a\0b") }
    }
}
