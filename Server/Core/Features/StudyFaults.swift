import GatehousePasswords

/// The checks of the IDM that a debug build can leave out, each a fault of the original (`Faults`).
extension Faults {
    #if DEBUG
    private func has(_ fault: Fault) -> Bool { active.contains(fault) }
    var showsUsersToAll: Bool { has(.userShownToAll) }
    var acceptsEmptyNames: Bool { has(.emptyNameAccepted) }
    var takesAnyFlag: Bool { has(.adminByAnyValue) }
    var assignsAll: Bool { has(.ownedMembersAssigned) }
    var opensLinkTokens: Bool { has(.linkTokenPublic) }
    var leavesLinksOpen: Bool { has(.linkMembersUnfixed) }
    var cutsLists: Bool { has(.listsCut) }
    var searchesPatterns: Bool { has(.searchIsAPattern) }
    var takesDuplicates: Bool { has(.subjectTwice) }
    var breaksOnAnyBody: Bool { has(.signInBodyUnchecked) }
    var forgetsStatus: Bool { has(.statusNotRemembered) }

    /// As bcrypt cuts passwords at their 72nd octet.
    func policy(_ policy: PasswordPolicy) -> PasswordPolicy {
        var policy = policy
        if has(.passwordCut) { policy.cut = 72 }
        return policy
    }
    #else
    var showsUsersToAll: Bool { false }
    var acceptsEmptyNames: Bool { false }
    var takesAnyFlag: Bool { false }
    var assignsAll: Bool { false }
    var opensLinkTokens: Bool { false }
    var leavesLinksOpen: Bool { false }
    var cutsLists: Bool { false }
    var searchesPatterns: Bool { false }
    var takesDuplicates: Bool { false }
    var breaksOnAnyBody: Bool { false }
    var forgetsStatus: Bool { false }
    func policy(_ policy: PasswordPolicy) -> PasswordPolicy { policy }
    #endif
}
