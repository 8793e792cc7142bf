/// The kind of a payment address, by its OpenCAP number.
public struct AddressType: RawRepresentable, Sendable, Hashable {
    /// The number in `address_type`.
    public let rawValue: Int

    /// Any number; the server decides whether it knows it.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// 100
    public static let bitcoinP2PKH = AddressType(rawValue: 100)
    /// 101
    public static let bitcoinP2SH = AddressType(rawValue: 101)
    /// 102
    public static let bitcoinSegWit = AddressType(rawValue: 102)
    /// 103, of BIP 47
    public static let paymentCode = AddressType(rawValue: 103)
    /// 200
    public static let bitcoinCashP2PKH = AddressType(rawValue: 200)
    /// 201
    public static let bitcoinCashP2SH = AddressType(rawValue: 201)
    /// 202
    public static let cashAddr = AddressType(rawValue: 202)
    /// 300
    public static let nano = AddressType(rawValue: 300)
}
