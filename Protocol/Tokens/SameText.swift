/// Whether both are the same characters in the same spelling: RFC 7515 §5.3 and RFC 7519 §2 compare names as they are.
/// Swift's `==` takes some different spellings for equal.
func isSameText(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && a.utf8.elementsEqual(b.utf8)
}
