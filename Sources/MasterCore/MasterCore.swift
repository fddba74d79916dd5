// MasterCore
