import GatehouseStorage
import Testing

@Suite("A query")
struct QueryTests {
    @Test("has placeholders where values stand, as each engine writes them")
    func writesPlaceholders() {
        let query: Query = "UPDATE t SET a = \("x"), b = \(Int64(2)) WHERE c = \([1, 2] as [UInt8]) AND d = \(true)"
        #expect(query.text(placeholder: { "?\($0)" }) == "UPDATE t SET a = ?1, b = ?2 WHERE c = ?3 AND d = ?4")
        #expect(query.text(placeholder: { "$\($0)" }) == "UPDATE t SET a = $1, b = $2 WHERE c = $3 AND d = $4")
        #expect(query.values == [.text("x"), .integer(2), .bytes([1, 2]), .integer(1)])
    }

    @Test("numbers the values of the queries put into it")
    func numbersComposedValues() {
        let inner: Query = "a = \(1) OR b = \(2)"
        let query: Query = "SELECT \(0) WHERE (\(inner)) AND c = \(3)"
        #expect(query.text(placeholder: { "$\($0)" }) == "SELECT $1 WHERE (a = $2 OR b = $3) AND c = $4")
        #expect(query.values == [.integer(0), .integer(1), .integer(2), .integer(3)])
    }

    @Test("has no place for a NUL of its own")
    func refusesNUL() {
        #expect(("SELECT '\0'" as Query).text(placeholder: { "?\($0)" }) == nil)
    }

    @Test("binds nil as NULL")
    func bindsNil() {
        let (text, integer, small, bytes, flag): (String?, Int64?, Int?, [UInt8]?, Bool?) = (nil, nil, nil, nil, nil)
        let query: Query = "\(text)\(integer)\(small)\(bytes)\(flag)\(StorageValue.null)"
        #expect(query.values == Array(repeating: .null, count: 6))
    }
}
