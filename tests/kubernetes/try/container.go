package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

//go:embed container.sh
var containerScript string

//go:embed zookeeper.sh
var zookeeperScript string

// Container is a program in the namespaces of its pod.
type Container struct {
	command *exec.Cmd
	ended   chan struct{}
	user    string
}

// Launch is what a container is made of.
type Launch struct {
	network, name, namespace string
	uid                      int64
	readOnly                 bool
	environment              []string
	// host folder to path within the container
	mounts  map[string]string
	command []string
}

// image returns the program that stands for an image, and what it needs besides.
func (c *Cluster) image(image string) ([]string, map[string]string) {
	name, _, _ := strings.Cut(filepath.Base(image), ":")
	switch name {
	case "dubbo-rust-server", "dubbo-rust-client", "dubbo-rust-pgw-cleaner":
		return []string{"/image/" + strings.TrimPrefix(name, "dubbo-rust-")}, map[string]string{c.Programs: "/image"}
	case "pushgateway":
		return []string{"/usr/bin/prometheus-pushgateway"}, nil
	case "zookeeper":
		script := c.file("zookeeper")
		fatal(os.MkdirAll(script, 0o755))
		fatal(os.WriteFile(filepath.Join(script, "start.sh"), []byte(zookeeperScript), 0o755))
		return []string{"bash", "/start/start.sh"}, map[string]string{script: "/start", filepath.Join(c.Tools, "zookeeper"): "/image"}
	}
	return nil, nil
}

// run starts the pod's container as its specification says.
func (p *Pod) run() (*Container, error) {
	c := p.kubelet.cluster
	spec := p.spec.Spec.Containers[0]
	command, mounts := c.image(spec.Image)
	if command == nil {
		return nil, fmt.Errorf("no program stands for the image %s", spec.Image)
	}
	launch := Launch{network: p.network, name: p.spec.Name, namespace: p.spec.Namespace, command: append(command, spec.Args...), mounts: map[string]string{}}
	for from, to := range mounts {
		launch.mounts[from] = to
	}
	pod, own := p.spec.Spec.SecurityContext, spec.SecurityContext
	if pod == nil || pod.RunAsUser == nil || own == nil || own.Capabilities == nil || *own.AllowPrivilegeEscalation {
		return nil, fmt.Errorf("the security context is not that of a restricted pod")
	}
	launch.uid = *pod.RunAsUser
	launch.readOnly = own.ReadOnlyRootFilesystem != nil && *own.ReadOnlyRootFilesystem
	for _, variable := range spec.Env {
		value, set, err := p.value(variable)
		if err != nil {
			return nil, err
		}
		if set {
			launch.environment = append(launch.environment, variable.Name+"="+value)
		}
	}
	for _, mount := range spec.VolumeMounts {
		folder, err := p.volume(mount)
		if err != nil {
			return nil, err
		}
		launch.mounts[folder] = mount.MountPath
	}
	return c.launch(launch)
}

func (p *Pod) value(variable corev1.EnvVar) (string, bool, error) {
	from := variable.ValueFrom
	switch {
	case from == nil:
		return variable.Value, true, nil
	case from.FieldRef != nil:
		path := from.FieldRef.FieldPath
		if label, ok := strings.CutPrefix(path, "metadata.labels['"); ok {
			return p.spec.Labels[strings.TrimSuffix(label, "']")], true, nil
		}
		if path == "status.podIP" {
			return p.address, true, nil
		}
	case from.SecretKeyRef != nil:
		secret, err := p.kubelet.cluster.client.CoreV1().Secrets(p.spec.Namespace).Get(context.Background(), from.SecretKeyRef.Name, metav1.GetOptions{})
		if err == nil {
			return string(secret.Data[from.SecretKeyRef.Key]), true, nil
		}
		if optional := from.SecretKeyRef.Optional; optional != nil && *optional {
			return "", false, nil
		}
	}
	return "", false, fmt.Errorf("the variable %s has no value", variable.Name)
}

// volume returns the folder of a claim, with the group that may write to it, or of a secret.
func (p *Pod) volume(mount corev1.VolumeMount) (string, error) {
	ctx, c := context.Background(), p.kubelet.cluster
	for _, volume := range p.spec.Spec.Volumes {
		if volume.Name == mount.Name && volume.Secret != nil {
			return p.secret(volume.Name, volume.Secret)
		}
		if volume.Name != mount.Name || volume.PersistentVolumeClaim == nil {
			continue
		}
		claim, err := c.client.CoreV1().PersistentVolumeClaims(p.spec.Namespace).Get(ctx, volume.PersistentVolumeClaim.ClaimName, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		persistent, err := c.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		folder := filepath.Join(persistent.Spec.HostPath.Path, mount.SubPath)
		fatal(os.MkdirAll(folder, 0o770))
		group := p.spec.Spec.SecurityContext.FSGroup
		if group != nil {
			fatal(os.Chown(folder, 0, int(*group)))
			fatal(os.Chmod(folder, 0o2770))
		}
		return folder, nil
	}
	return "", fmt.Errorf("the volume %s is no claim and no secret", mount.Name)
}

// secret writes what a secret holds into a folder that the pod's group may read.
func (p *Pod) secret(name string, source *corev1.SecretVolumeSource) (string, error) {
	c := p.kubelet.cluster
	secret, err := c.client.CoreV1().Secrets(p.spec.Namespace).Get(context.Background(), source.SecretName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	folder := c.file("secrets/" + p.network + "." + name)
	fatal(os.MkdirAll(folder, 0o755))
	mode, group := os.FileMode(*source.DefaultMode), 0
	if own := p.spec.Spec.SecurityContext.FSGroup; own != nil {
		group = int(*own)
	}
	for key, content := range secret.Data {
		file := filepath.Join(folder, key)
		fatal(os.WriteFile(file, content, 0o600))
		fatal(os.Chown(file, 0, group))
		fatal(os.Chmod(file, mode))
	}
	return folder, nil
}

// launch starts a program in a network namespace, with a root of its own and nothing but its user's rights.
func (c *Cluster) launch(launch Launch) (*Container, error) {
	root := c.file("roots/" + launch.network)
	fatal(os.MkdirAll(root, 0o755))
	script := c.file("container.sh")
	fatal(os.WriteFile(script, []byte(containerScript), 0o755))
	resolver := c.file("resolv." + launch.namespace)
	search := fmt.Sprintf("search %s.svc.cluster.local svc.cluster.local cluster.local\nnameserver %s\noptions ndots:5\n", launch.namespace, host)
	fatal(os.WriteFile(resolver, []byte(search), 0o644))
	var mounts []string
	for from, to := range launch.mounts {
		mounts = append(mounts, from+":"+to)
	}
	arguments := []string{"--net=/run/netns/" + launch.network, "--", "unshare", "--mount", "sh", script}
	command := exec.Command("nsenter", append(append(arguments, launch.environment...), launch.command...)...)
	command.Env = []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ROOT=" + root, "RESOLVER=" + resolver, "HOSTNAME_=" + launch.name, "USER_=" + strconv.FormatInt(launch.uid, 10),
		"READ_ONLY=" + strconv.FormatBool(launch.readOnly), "MOUNTS=" + strings.Join(mounts, "\n"),
	}
	log, err := os.OpenFile(c.file("pods/"+launch.namespace+"."+launch.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		fatal(os.MkdirAll(c.file("pods"), 0o755))
		log, err = os.OpenFile(c.file("pods/"+launch.namespace+"."+launch.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		fatal(err)
	}
	defer func() { _ = log.Close() }()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return nil, err
	}
	container := &Container{command: command, ended: make(chan struct{}), user: strconv.FormatInt(launch.uid, 10)}
	go func() {
		_ = command.Wait()
		close(container.ended)
	}()
	return container, nil
}

func (c *Container) code() int { return c.command.ProcessState.ExitCode() }

// stop asks the program to end, and ends it when its time is over.
func (c *Container) stop(grace time.Duration) {
	_ = c.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(grace):
		c.kill()
	}
}

func (c *Container) kill() {
	_ = c.command.Process.Kill()
	<-c.ended
}

// exec runs a command in the container.
func (c *Container) exec(limit time.Duration, command ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	pid := strconv.Itoa(c.command.Process.Pid)
	arguments := append([]string{"--target", pid, "--net", "--mount", "--root", "--setuid", c.user, "--"}, command...)
	return exec.CommandContext(ctx, "nsenter", arguments...).Run()
}
