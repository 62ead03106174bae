//! Registers and discovers Dubbo services in Dubbo's own formats on ZooKeeper.
