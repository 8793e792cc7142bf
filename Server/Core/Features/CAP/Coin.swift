import GatehouseMessages
import GatehouseOpenCAP

/// What CAP calls a kind of money, in lower case: `btc`, `bch`, `nano` (also `xrb`), or any other name.
enum Coin: Hashable, Sendable {
    /// Its addresses have OpenCAP types, and are seen at `/v1/addresses` too.
    case typed(AddressType.Currency)
    /// 1 to 16 characters out of `a`–`z` and `0`–`9`.
    case other(String)

    /// - Throws: `Problem.invalidMember`.
    init(checking text: String) throws(Problem) {
        guard let coin = Coin(text) else {
            throw .invalidMember.saying("A coin has 1 to 16 letters and digits, as in \"btc\".")
        }
        self = coin
    }

    /// Nil for a text that no coin is called by.
    init?(_ text: String) {
        // By octets: what is no ASCII must not be folded into it.
        let folded = text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        let isPlain = folded.allSatisfy { octet in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(octet)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet)
        }
        guard isPlain, (1...16).contains(folded.count) else { return nil }
        switch String(decoding: folded, as: UTF8.self) {
        case "btc": self = .typed(.bitcoin)
        case "bch": self = .typed(.bitcoinCash)
        case "nano", "xrb": self = .typed(.nano)
        case let name: self = .other(name)
        }
    }
}

extension AddressType {
    /// The types that a coin stands for. A payment code is no address that anybody could pay to as it is.
    static func types(of currency: Currency) -> [AddressType] {
        allCases.filter { $0.currency == currency && $0 != .paymentCode }
    }

    /// The type of such a coin's address, by its format.
    ///
    /// - Throws: `Problem.invalidAddress` with the reason.
    init(ofAddress address: String, currency: Currency) throws(Problem) {
        let types = AddressType.types(of: currency)
        if let type = AddressType.types(accepting: address).first(where: types.contains) {
            self = type
            return
        }
        // By what it begins with, or else the last: the newest format is most likely meant.
        let legacy: [Character: AddressType] = currency == .bitcoin ? ["1": .p2pkh, "3": .p2sh] : [:]
        guard let meant = address.first.flatMap({ legacy[$0] }) ?? types.last else { throw .invalidAddress }
        do { try meant.check(address) } catch { throw .invalidAddress.saying(error.description) }
        throw .invalidAddress
    }
}
