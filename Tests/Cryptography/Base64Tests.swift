import Foundation
import GatehouseCryptography
import Testing

@Suite("Base64")
struct Base64Tests {
    @Test("agrees with Foundation for every length", arguments: 0..<70)
    func agrees(count: Int) {
        let bytes = SystemRandom.bytes(count)
        let text = Data(bytes).base64EncodedString()
        #expect(Base64.encode(bytes) == text)
        #expect(Base64.decode(text) == bytes)
        let url = text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        #expect(Base64URL.encode(bytes) == url)
        #expect(Base64URL.decode(url) == bytes)
        #expect(Base64URL.decode(Array(url.utf8)) == bytes)
        #expect(Base64URL.decode(("." + url).dropFirst()) == bytes)
    }

    @Test(
        "refuses what is not the one spelling of its octets",
        arguments: [
            "Q", "A", "QUJDA", "AAAAA", "QQ==", "QR", "QUJ", "Q Q", "QQ\n", "Q+", "Q/", "QUJD=", "=", "é", "QUJDQ",
            "\u{0}",
        ])
    func strictURL(text: String) { #expect(Base64URL.decode(text) == nil) }

    @Test(
        "with padding, refuses missing, misplaced and doubled padding and the other alphabet",
        arguments: ["QQ", "QQ=", "QR==", "Q===", "====", "=", "QUJD====", "Q=Q=", "QQ==\n", "QQ==QQ==", "-_-_"])
    func strictPadded(text: String) { #expect(Base64.decode(text) == nil) }

    @Test("of all texts of two characters, exactly one spells each octet")
    func isCanonical() {
        let characters = (0..<128).map { Character(Unicode.Scalar(UInt8($0))) }
        var seen: [[UInt8]: Int] = [:]
        for first in characters {
            for second in characters {
                if let octets = Base64URL.decode(String([first, second])) { seen[octets, default: 0] += 1 }
            }
        }
        #expect(seen.count == 256 && seen.values.allSatisfy { $0 == 1 })
    }
}
