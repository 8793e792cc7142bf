import GatehouseJSON
import GatehouseOpenCAP
import Testing

@Suite("Addresses")
struct AddressTests {
    @Test("each right address is accepted for its type", arguments: try AddressVectors.valid())
    func valid(vector: AddressVectors.Valid) {
        #expect(reason(vector.address, vector.type) == nil)
    }

    @Test("each wrong address is refused, and for its own reason", arguments: try AddressVectors.invalid())
    func invalid(vector: AddressVectors.Invalid) {
        #expect(reason(vector.address, vector.type) == vector.reason)
    }

    @Test("there are right and wrong addresses for every type", arguments: AddressType.allCases)
    func coverage(type: AddressType) throws {
        #expect(try AddressVectors.valid().filter { $0.type == type }.count >= 7)
        #expect(try AddressVectors.invalid().filter { $0.type == type }.count >= 15)
    }

    /// Two addresses of each type, one of them with few distinct characters.
    static let examples: [(AddressType, String)] = [
        (.p2pkh, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), (.p2pkh, "1111111111111111111114oLvT2"),
        (.p2sh, "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"), (.bitcoinCashP2PKH, "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu"),
        (.bitcoinCashP2SH, "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC"),
        (.segwit, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        (.segwit, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
        (
            .paymentCode,
            "PM8TJTLJbPRGxSbc8EJi42Wrr6QbNSaSSVJ5Y3E4pbCYiTHUskHg13935Ubb7q8tx9GVbh2UuRnBc3WSyJHhUrw8KhprKnn9eDznYGieTzFcwQRya4GA"
        ), (.cashAddr, "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
        (.cashAddr, "pr95sy3j9xwd2ap32xkykttr4cvcu7as4yc93ky28e"),
        (.nano, "nano_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3"),
        (.nano, "xrb_1111111111111111111111111111111111111111111111111111hifc8npp"),
    ]

    @Test("one wrong character, at any place, makes an address wrong", arguments: examples)
    func wrongCharacter(type: AddressType, address: String) {
        let characters = Array(address)
        let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ:_ ")
        for index in characters.indices {
            // All of the alphabet for short addresses, some of it for long ones.
            for other in stride(from: index % 5, to: alphabet.count, by: characters.count > 100 ? 9 : 3).map({
                alphabet[$0]
            })
            where other != characters[index] {
                var changed = characters
                changed[index] = other
                #expect(reason(String(changed), type) != nil, "\(String(changed))")
            }
        }
    }

    @Test("two neighbours exchanged make an address wrong", arguments: examples)
    func exchangedCharacters(type: AddressType, address: String) {
        var characters = Array(address)
        for index in characters.indices.dropLast() where characters[index] != characters[index + 1] {
            characters.swapAt(index, index + 1)
            #expect(reason(String(characters), type) != nil, "\(String(characters))")
            characters.swapAt(index, index + 1)
        }
    }

    @Test("an address cut off at any place is wrong, at either end", arguments: examples)
    func truncated(type: AddressType, address: String) {
        for count in 0..<address.count {
            #expect(reason(String(address.prefix(count)), type) != nil, "first \(count)")
            // A CashAddr is an address without its prefix, too.
            guard String(address.suffix(count)) != address.split(separator: ":").last.map(String.init) else { continue }
            #expect(reason(String(address.suffix(count)), type) != nil, "last \(count)")
        }
    }

    @Test("an address with anything before, behind or inside it is wrong", arguments: examples)
    func extended(type: AddressType, address: String) {
        for addition in ["1", "q", "a", " ", "\n", "\0", "\u{FEFF}", "é", ":", "?amount=1", address] {
            #expect(reason(address + addition, type) != nil)
            #expect(reason(addition + address, type) != nil)
            #expect(reason(address.prefix(9) + addition + address.dropFirst(9), type) != nil)
        }
    }

    @Test("a letter in the other case makes an address wrong", arguments: examples)
    func otherCase(type: AddressType, address: String) {
        let characters = Array(address)
        for index in characters.indices {
            let other = characters[index].isUppercase ? characters[index].lowercased() : characters[index].uppercased()
            guard other != String(characters[index]) else { continue }
            #expect(reason(String(characters[..<index]) + other + String(characters[(index + 1)...]), type) != nil)
        }
    }

    @Test("upper case as a whole is right for SegWit and CashAddr only", arguments: examples)
    func upperCase(type: AddressType, address: String) {
        let isRight = reason(address.uppercased(), type) == nil
        // An address without letters that have a case would be its own upper case; none of the examples is.
        #expect(isRight == (type == .segwit || type == .cashAddr))
    }

    @Test("a megabyte is refused for its length without being looked at", arguments: AddressType.allCases)
    func timedVeryLong(type: AddressType) {
        let text = "bc1" + String(repeating: "q", count: 1 << 20)
        let start = ContinuousClock.now
        for _ in 0..<1_000 { #expect(reason(text, type) == .tooLong) }
        // 1 000 times a megabyte: to read it all would take seconds in a debug build.
        #expect(ContinuousClock.now - start < .seconds(1))
    }

    @Test("any bytes are refused without a crash")
    func randomText() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let count = Int.random(in: 0...120, using: &generator)
            let scalars = (0..<count).map { _ in Unicode.Scalar(UInt8.random(in: 0...255, using: &generator)) }
            let text = String(String.UnicodeScalarView(scalars))
            for prefix in ["", "bc1", "bitcoincash:", "nano_", "P", "1"] {
                for type in AddressType.allCases { #expect(reason(prefix + text, type) != nil) }
            }
        }
    }

    @Test("the types that an address has are all found")
    func types() {
        #expect(AddressType.types(accepting: "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa") == [.p2pkh, .bitcoinCashP2PKH])
        #expect(AddressType.types(accepting: "BC1SW50QGDZ25J") == [.segwit])
        #expect(AddressType.types(accepting: "") == [])
        #expect(AddressType.types(accepting: String(repeating: "1", count: 1 << 20)) == [])
    }

    @Test("types have the numbers of the protocol")
    func numbers() {
        #expect(AddressType.allCases.map(\.rawValue) == [100, 101, 102, 103, 200, 201, 202, 300])
        for number in [0, -1, 99, 104, 199, 203, 301, Int.max, Int.min] {
            #expect(AddressType(rawValue: number) == nil)
        }
    }

    @Test("every reason is a sentence that helps and does not repeat the address")
    func sentences() throws {
        var seen: Set<String> = []
        for vector in try AddressVectors.invalid() {
            let sentence = AddressError(reason: vector.reason, type: vector.type).description
            seen.insert(sentence)
            #expect(sentence.hasPrefix("The address ") && sentence.hasSuffix("."))
            #expect(vector.address.count < 8 || !sentence.contains(vector.address))
        }
        #expect(seen.count > 40)
        #expect(
            AddressError(reason: .otherType(.segwit), type: .p2pkh).description
                == "The address is not a Bitcoin P2PKH address (type 100) but a Bitcoin SegWit address (type 102).")
        #expect(
            AddressError(reason: .checksum, type: .nano).description
                == "The address is not a Nano address: its checksum does not match, so it is probably mistyped or incomplete."
        )
    }
}
