/// All tours, one for each document.
package enum Tours {
    package static let all: [Tour] = [.openCAP, .cap, .ampho, .cavage, .idm]
}
